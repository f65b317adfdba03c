"""How the cost grows: with the series, with the issues, and with the readers.

    python -m bench.scale              a quarter of an hour on two cores
    python -m bench.scale --most 1000  three quarters of an hour more
    python -m bench.scale --only series --most 1000 --workers 2
    python -m bench.scale --quick      two minutes; the same tables, smaller
    python -m bench.scale --only issues

Needs nginx and wrk for the readers; PostgreSQL and Dask come with the tests' requirements.
"""

from __future__ import annotations

import argparse
import signal
import sys

from bench import scale_issues, scale_replicas, scale_series

PARTS = ("series", "issues", "replicas")


def main() -> None:
    """Print a table for each part that is asked for."""
    parser = argparse.ArgumentParser(description="How the cost grows.")
    parser.add_argument("--quick", action="store_true", help="smaller counts, in two minutes")
    parser.add_argument("--only", choices=PARTS, help="one of the three tables")
    parser.add_argument("--most", type=int, default=100, help="series that are refitted")
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[1, 2], help="so many Dask workers, then so many"
    )
    parser.add_argument("--port", type=int, default=8530, help="the first of three ports")
    options = parser.parse_args()
    # Servers and folders are put away on the way out, also when somebody ends it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tables = {
        "series": lambda: series(
            [1, 4] if options.quick else sorted({1, 10, min(100, options.most), options.most}),
            options.workers,
        ),
        "issues": lambda: issues(
            [1_000, 5_000] if options.quick else [1_000, 10_000, 100_000],
            20 if options.quick else 300,
        ),
        "replicas": lambda: replicas(options.port, 3 if options.quick else 15),
    }
    for name, table in tables.items():
        if options.only in (None, name):
            print(f"\n## {name}\n", flush=True)
            table()


def series(counts: list[int], arrangements: list[int]) -> None:
    """Refit so many synthetic series, champion only, on each number of Dask workers."""
    print("| workers | series | seconds | CPU seconds a series | series an hour | ", end="")
    print("kB a series | MB of a worker |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for workers in arrangements:
        with scale_series.cluster(workers) as client:
            for count in counts:
                seconds, costs, peak = scale_series.refitted(client, count)
                each = sum(cost.fit + cost.draw + cost.pack for cost in costs) / count
                size = sum(cost.size for cost in costs) / count / 1000
                print(f"| {workers} | {count:,} | {seconds:,.1f} | {each:.2f} ", end="")
                print(f"| {3600 * count / seconds:,.0f} | {size:,.0f} | {peak:.0f} |", flush=True)


def issues(counts: list[int], with_paths: int) -> None:
    """Time the common queries on so many headers of issues."""
    with scale_issues.databases() as databases:
        measured = {
            name: list(scale_issues.measure(database, counts, with_paths))
            for name, database in databases.items()
        }
    heads = [f"{name}, {row.rows:,}" for name, rows in measured.items() for row in rows]
    rows = [row for rows in measured.values() for row in rows]
    print(f"| milliseconds | {' | '.join(heads)} |")
    print(f"| --- |{' --- |' * len(heads)}")
    for question in rows[0].milliseconds:
        print(f"| {question} | {' | '.join(f'{r.milliseconds[question]:.2f}' for r in rows)} |")
    print(f"| headers, bytes each | {' | '.join(f'{r.headers / r.rows:,.0f}' for r in rows)} |")
    print(f"| paths, kB each | {' | '.join(f'{r.paths / with_paths / 1000:,.0f}' for r in rows)} |")


def replicas(port: int, seconds: int) -> None:
    """Ask one replica, and two behind nginx, over PostgreSQL."""
    try:
        found = list(scale_replicas.measure(port, seconds))
    except scale_replicas.Missing as error:
        sys.exit(f"replicas: {error}")
    print("| arrangement | asked | requests, 1/s | p50, ms | p99, ms | CPU, ms each | failed |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for rate in found:
        print(f"| {rate.arrangement} | {rate.question} | {rate.per_second:,.0f} ", end="")
        print(f"| {rate.p50:.1f} | {rate.p99:.1f} | {rate.cpu:.2f} | {rate.wrong} |")


if __name__ == "__main__":
    main()
