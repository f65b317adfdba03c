"""How much faster a backtest is on several workers, and that its scores stay the same.

``python -m bench.workers`` times the champion; run it on a quiet machine.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import click
import numpy as np

from bench.table import grid
from forecast import backtest, specs
from forecast.backtest import Mapper, Protocol
from service.cli.workers import on_cluster, on_processes
from service.registry import declared
from service.settings import PROJECT
from service.sources import figures


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--model", default="champion", show_default=True)
@click.option("--workers", type=click.IntRange(2), default=2, show_default=True)
@click.option("--dask", metavar="tcp://HOST:PORT", help="Time this cluster too.")
@click.option("--every", type=click.IntRange(1), default=14, show_default=True, help="Days.")
def main(model: str, workers: int, dask: str | None, every: int) -> None:
    """Time a backtest of the benchmark's origins on one worker and on several."""
    there = declared(PROJECT / "models")
    name = specs.champion(there) if model == "champion" else model
    forecaster = specs.build(name, there)
    known, protocol = figures.read(), Protocol("2023-01-01", "2025-12-01", every)
    crews: dict[str, Mapper] = {"this process": backtest.in_turn}
    crews |= {f"{n} processes": on_processes(n) for n in (1, workers)}
    if dask:
        crews[dask] = on_cluster(dask)
    rows = [["workers", "seconds", "times as fast as one"]]
    taken: dict[str, float] = {}
    first: Any = None
    for crew, mapper in crews.items():
        began = time.perf_counter()
        scores, _ = backtest.run({name: forecaster}, known, protocol, mapper=mapper)
        taken[crew] = time.perf_counter() - began
        first = first or scores[name]
        for one, other in zip(first, scores[name], strict=True):
            if not np.array_equal(one.crps, other.crps):
                sys.exit(f"{crew}: other scores at {one.origin}")
        rows.append([crew, f"{taken[crew]:.1f}", f"{taken['this process'] / taken[crew]:.2f}"])
    print(f"{name} at {len(first)} origins; the scores are the same bit for bit.\n")
    print(grid(rows))


if __name__ == "__main__":
    main()
