"""What a series costs: fit the champion, draw its paths, make them the bytes that are stored."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecast.series import DailySeries
from forecast.specs import build, champion
from service.registry import declared
from service.settings import PROJECT
from service.sources import figures
from service.store.encoding import encode

PATHS, HORIZON = 2000, 400


@dataclass(frozen=True)
class Cost:
    """Of one series: CPU seconds to fit, to draw and to encode, and bytes to store."""

    fit: float
    draw: float
    pack: float
    size: int


def synthetic(number: int) -> DailySeries:
    """A series of the same shape as the real one: its fortnights in another order, and its level.

    Fortnights change places with those of the same time of other years, so that season, calm
    spells and busy days stay.
    """
    real = figures.read()["people"]
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
    """Do for one series all that a refit does of it but the writing."""
    series = synthetic(number)
    specs = declared(PROJECT / "models")
    began = time.thread_time()  # of this thread alone: other work on the machine does not count
    fitted = build(champion(specs), specs).fit(series)
    fit = time.thread_time()
    paths = fitted.simulate(HORIZON, PATHS, np.random.default_rng(number))
    drawn = time.thread_time()
    _, content = encode(paths.values)
    return Cost(fit - began, drawn - fit, time.thread_time() - drawn, len(content))


@contextmanager
def cluster(workers: int) -> Iterator[Any]:
    """A Dask client with so many workers of one thread, each a process of this machine."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            host="127.0.0.1",
        ) as made,
        Client(made, set_as_default=False) as client,
    ):
        client.wait_for_workers(workers)
        client.run(refit, 0)  # what is imported once shall cost no series anything
        yield client


def refitted(client: Any, count: int) -> tuple[float, list[Cost], float]:
    """Seconds for so many series, the cost of each, and the MB of the largest worker then."""
    began = time.perf_counter()
    costs = client.gather(client.map(refit, range(count), pure=False))
    seconds = time.perf_counter() - began
    return seconds, costs, max(client.run(_peak).values())


def _peak() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
