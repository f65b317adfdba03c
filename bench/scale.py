"""Cost by number of series: synthetic ones, refitted on single-threaded Dask workers.

python -m bench.scale              1, 10 and 100 series, on one worker and on two
python -m bench.scale --most 1000 --workers 2
python -m bench.scale --routes 200          this many declared routes through the service
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from forecast.series import DailySeries
from forecast.specs import build, champion
from service.app import create_app
from service.core.clock import utc_now
from service.core.context import Context, open_context
from service.core.route_files import enabled_routes
from service.core.settings import PROJECT, Settings
from service.data.csv_rows import read_series
from service.data.ingest import ingest
from service.issues.declared_models import declared
from service.issues.issue_store import encode
from service.issues.refit import refit as refit_route

PATHS, HORIZON = 2000, 400
_REAL = 3  # routes with the declared champion; the others have the climatology


class Cost(NamedTuple):
    """Cost of one series: CPU seconds to fit, simulate and encode, and bytes to store."""

    seconds: float
    size: int


def main() -> None:
    """Refit the series, champion only, on each number of workers; print a table."""
    parser = argparse.ArgumentParser(description="How the cost grows with the series.")
    parser.add_argument("--quick", action="store_true", help="1 and 4 series")
    parser.add_argument("--most", type=int, default=100, help="series that are refitted")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="Dask workers")
    parser.add_argument("--routes", type=int, help="declared routes that the service refits")
    options = parser.parse_args()
    if options.routes:
        logging.disable(logging.WARNING)  # one line per refit about the climatology
        many_routes(options.routes)
        return
    # The cluster is closed at exit, even if the program is terminated.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    counts = [1, 4] if options.quick else sorted({1, 10, min(100, options.most), options.most})
    print("| workers | series | seconds | CPU seconds a series | series an hour | ", end="")
    print("kB a series | MB of a worker |\n|" + " --- |" * 7)
    for workers in options.workers:
        with cluster(workers) as client:
            for count in counts:
                began = time.perf_counter()
                costs = client.gather(client.map(refit, range(count), pure=False))
                seconds = time.perf_counter() - began
                each = sum(cost.seconds for cost in costs) / count
                size = sum(cost.size for cost in costs) / count / 1000
                used = client.run(resource.getrusage, resource.RUSAGE_SELF).values()
                peak = max(one.ru_maxrss for one in used) / 1024
                print(f"| {workers} | {count:,} | {seconds:,.1f} | {each:.2f} ", end="")
                print(f"| {3600 * count / seconds:,.0f} | {size:,.0f} | {peak:.0f} |", flush=True)


def synthetic(number: int) -> DailySeries:
    """A series shaped like the real one: fortnights in another order, and another level.

    Fortnights are swapped with those of the same season in other years, which preserves season,
    calm spells and busy days.
    """
    route = enabled_routes(PROJECT / "series")[0]
    real = read_series(route.folder / route.figures, (route.leading,))[route.leading]
    rng = np.random.default_rng(number)
    values = np.asarray(real.values, dtype=np.float64).copy()
    year, block = 364, 14
    for at in range(0, year, block):
        places = np.arange(at, len(values) - block, year)
        blocks = np.stack([values[place : place + block] for place in places])
        for place, moved in zip(places, blocks[rng.permutation(len(places))], strict=True):
            values[place : place + block] = moved
    level = rng.lognormal(0, 0.5)
    return DailySeries(f"s{number}", real.start, np.rint(values * level).astype(np.int64))


def refit(number: int) -> Cost:
    """Do everything that a refit does for one series, except writing."""
    series = synthetic(number)
    specs = declared(PROJECT / "models")
    began = time.thread_time()  # of this thread alone: other work on the machine does not count
    fitted = build(champion(specs), specs).fit(series)
    paths = fitted.simulate(HORIZON, PATHS, np.random.default_rng(number))
    _, content = encode(paths.values)
    return Cost(time.thread_time() - began, len(content))


@contextmanager
def cluster(workers: int) -> Iterator[Any]:
    """A Dask client with `workers` single-threaded local worker processes."""
    from distributed import Client, LocalCluster

    place = {"dashboard_address": "127.0.0.1:0", "host": "127.0.0.1", "processes": True}
    local = LocalCluster(n_workers=workers, threads_per_worker=1, **place)
    with local as cluster, Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(workers)
        client.run(refit, 0)  # load imports before measuring
        yield client


def many_routes(count: int) -> None:
    """Ingest and refit `count` declared routes, then read every forecast; print two tables."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            series_dir=declare_routes(Path(folder) / "series", count),
            var_dir=Path(folder) / "var",
            fitted_dir=Path(folder) / "fitted",
            source="figures",
            fit_seconds=0,  # in this process, to measure its time and memory
        )
        print("| refit of | routes | CPU seconds a route | MB at most |\n| --- | --- | --- | --- |")
        with closing(open_context(settings).database) as database:
            contexts = list(Context(settings, database).each_route())
            simple, real = contexts[_REAL:], contexts[:_REAL]
            half = len(simple) // 2
            for what, some in (
                ("climatology", simple[:half]),
                ("climatology", simple[half:]),
                ("declared champion", real),
            ):
                began = time.process_time()
                for one in some:
                    ingest(one)
                    refit_route(one)
                seconds = (time.process_time() - began) / max(len(some), 1)
                print(f"| {what} | {len(some)} | {seconds:.2f} | {_peak():.0f} |", flush=True)
        print("\n| one web process reads | milliseconds each | MB at most |")
        print("| --- | --- | --- |", flush=True)
        reader = multiprocessing.get_context("spawn").Process(target=read_all, args=(settings,))
        reader.start()
        reader.join()


def declare_routes(folder: Path, count: int) -> Path:
    """Declare `count` routes of one synthetic series each, for `enabled_routes`."""
    folder.mkdir()
    champion_name = champion(declared(PROJECT / "models"))
    for number in range(count):
        series = synthetic(number)
        rows = (f"{day},{value}" for day, value in zip(series.dates, series.values, strict=True))
        (folder / f"s{number}.csv").write_text("\n".join([f"date,s{number}", *rows]))
        (folder / f"r{number:04}.toml").write_text(
            f'title = "Route {number}"\ntime_zone = "Europe/London"\n'
            f'attribution = "synthetic"\nlicence = "none"\nfigures = "s{number}.csv"\n'
            f'models = ["{champion_name if number < _REAL else "climatology"}"]\n'
            f'[series.s{number}]\ntitle = "Series {number}"\n'
            'unit = "people"\nunit_one = "person"\nday_threshold = 500\nweek_threshold = 2000\n'
            "likely_above = 0.55\nunlikely_below = 0.35\n"
        )
    return folder


def read_all(settings: Settings) -> None:
    """Read every route's forecast and page from one web process; print how its memory grows."""
    with closing(open_context(settings).database) as database:
        context = Context(settings, database)
        client, began, read = create_app(context, utc_now).test_client(), time.perf_counter(), 0

        def get(*paths: str) -> None:
            for path in paths:
                answer = client.get(path)
                assert answer.status_code == 200, answer.text

        for number, route in enumerate(context.routes, start=1):
            get(f"/v1/series/{route.leading}/forecast", f"/?series={route.leading}")
            if number in (1, 10, 50, 100) or number == len(context.routes):
                each = 1000 * (time.perf_counter() - began) / (number - read) / 2
                what = f"forecast and page of routes {read + 1} to {number}"
                print(f"| {what} | {each:.0f} | {_peak():.0f} |", flush=True)
                began, read = time.perf_counter(), number
        for path in ("/v1/status", "/metrics"):
            began = time.perf_counter()
            get(path)
            each = 1000 * (time.perf_counter() - began)
            print(f"| {path} of all | {each:.0f} | {_peak():.0f} |", flush=True)


def _peak() -> float:
    """Peak memory of this process in MB.

    Unlike `resource.getrusage`, excludes the parent's.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
