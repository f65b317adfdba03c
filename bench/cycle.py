"""What a scheduled cycle takes: seconds and peak memory of each step, and of the whole.

Run as ``python -m bench.cycle``. Figures up to the day before the last are stored, forecast, scored
and compared first; then comes the cycle that is measured, which the last day's figure sets off.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

import psutil

from forecast import joint
from forecast.series import ONE_DAY
from service.clock import utc_now
from service.context import Context, open_context
from service.jobs.cycle import renew
from service.jobs.ingest import ingest
from service.settings import Settings
from service.sources import figures as embedded
from service.store import issues, runs
from service.store.encoding import encode

PARTS = ("ingest", "refit", "score", "compare")


def main() -> None:
    """Measure one cycle, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database-url", default="", help="a PostgreSQL URL; SQLite if not given")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            var_dir=Path(folder) / "var",
            fitted_dir=Path(folder) / "fitted",
            database_url=arguments.database_url,
        )
        context = open_context(settings)
        ingest(context, "csv", _but_the_last_day(Path(folder)))
        first = _timed(context, "first", ingest_too=False)
        print(f"first cycle, with the record of every model: {first[0]:.0f} s, {first[1]:.0f} MB\n")
        seconds, peak = _timed(context, "measured")
        print("| part | step | times | s | peak, MB |\n| --- | --- | --- | --- | --- |")
        with context.database.reading() as connection:
            for job in PARTS:
                run = runs.find(connection, job, "measured")
                assert run is not None
                print(f"| {job} | all | | {run.detail['seconds']:.1f} | |")
                for one in run.detail.get("steps", []):
                    print(
                        f"| | {one['step']} | {one['times']} | {one['seconds']:.1f} "
                        f"| {one['peak_mb']} |"
                    )
        print(f"\nthe cycle: {seconds:.1f} s, {peak:.0f} MB at its peak, all processes together")
        print(f"an issue of both series as it is stored: {_issue_mb(context):.1f} MB")
        context.database.close()


def _issue_mb(context: Context) -> float:
    """Size of the newest issue of every series, all models, as it is stored."""
    size = 0
    with context.database.reading() as connection:
        for series_id in joint.SERIES:
            issue = issues.latest(connection, series_id)
            assert issue is not None
            for entry in issues.entries(connection, issue.issue_id):
                drawn = issues.paths(connection, issue, entry.model)
                assert drawn is not None
                size += len(encode(drawn.values)[1])
    return size / 1024**2


def _but_the_last_day(folder: Path) -> Path:
    series = embedded.read()
    file = folder / "figures.csv"
    earlier = {name: one.upto(one.data_through - ONE_DAY) for name, one in series.items()}
    days = next(iter(earlier.values())).dates
    rows = zip(days, *(one.values for one in earlier.values()), strict=True)
    lines = [",".join(["date", *earlier]), *(",".join(map(str, row)) for row in rows)]
    file.write_text("\n".join(lines) + "\n")
    return file


def _timed(context: Context, period: str, ingest_too: bool = True) -> tuple[float, float]:
    """Seconds and the peak of the memory that this process and its children hold together."""
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        me = psutil.Process(os.getpid())
        while not done.wait(0.05):
            total = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            peak[0] = max(peak[0], total / 1024**2)

    thread = threading.Thread(target=watch)
    thread.start()
    began = time.perf_counter()
    try:
        if not ingest_too:  # a claimed part is left out
            with context.database.writing() as connection:
                runs.claim(connection, "ingest", period, utc_now())
        renew(context, period)
        return time.perf_counter() - began, peak[0]
    finally:
        done.set()
        thread.join()


if __name__ == "__main__":
    main()
