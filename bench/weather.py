"""The champion with and without the weather: what a forecast of it is worth.

The days' actual values stand for their forecast; then again with noise that grows with the lead.
"""

from __future__ import annotations

__all__ = ["PROTOCOL", "Drivers", "Proxy", "entries", "judge", "reached", "read"]

import csv
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench import targets
from bench.measures import measure
from bench.runs import Entry, Run
from forecast.backtest import Protocol
from forecast.covariates import Covariates
from forecast.series import Day, as_day

Array = npt.NDArray[np.float64]

PROTOCOL = Protocol("2022-01-01", "2024-12-01", every=7, horizon=14)
NOISE_PER_DAY = 0.2
"""Standard deviation of the noise for each day of lead, in the covariate's own."""


@dataclass(frozen=True, eq=False)
class Drivers:
    """Daily covariates: `values`, shape (n_days, n_columns), from the day `start` on."""

    names: tuple[str, ...]
    start: Day
    values: Array

    @property
    def end(self) -> Day:
        """The last day."""
        return np.datetime64(self.start + (len(self.values) - 1))


@dataclass(frozen=True, eq=False)
class Proxy:
    """What is said to be known of `drivers` at an origin, `horizon` days ahead."""

    drivers: Drivers
    horizon: int
    noise: float = 0.0
    seed: int = 1

    def __call__(self, origin: Day) -> Covariates:
        """History up to `origin`, and one future: the actual days, with noise if any."""
        seen = int((origin - self.drivers.start).astype(int)) + 1
        history = self.drivers.values[:seen]
        future = self.drivers.values[seen : seen + self.horizon].copy()  # (horizon, n_columns)
        if self.noise:
            stream = [self.seed, zlib.crc32(b"weather"), int(origin.astype(np.int64))]
            drawn = np.random.default_rng(stream).normal(size=future.shape)
            lead = np.arange(1, len(future) + 1)[:, None]
            future += drawn * lead * self.noise * history.std(axis=0)
        return Covariates(self.drivers.names, self.drivers.start, history, future[None])


def read(path: Path) -> Drivers:
    """Read a CSV file of `date` and numeric columns, one row a day.

    Raises
    ------
    ValueError
        Naming the file, and the row where the days are not consecutive or a value is no number.
    """
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    if header[:1] != ["date"] or len(header) < 2 or not rows:
        raise ValueError(f"{path}: expected a column `date` and others after it")
    start = as_day(rows[0][0])
    values = np.empty((len(rows), len(header) - 1))
    for place, row in enumerate(rows):
        if as_day(row[0]) != start + place:
            raise ValueError(f"{path}, row {place + 2}: expected {start + place}, found {row[0]}")
        try:
            values[place] = [float(cell) for cell in row[1:]]
        except ValueError as error:
            raise ValueError(f"{path}, row {place + 2}: {error}") from error
    return Drivers(tuple(header[1:]), start, values)


def reached(protocol: Protocol, drivers: Drivers) -> Protocol:
    """The same protocol, with no origin whose horizon `drivers` do not cover."""
    last = min(as_day(protocol.last), drivers.end - protocol.horizon)
    return replace(protocol, last=str(last))


def entries(champion: Entry, drivers: Drivers, protocol: Protocol) -> list[Entry]:
    """The champion three times: without the weather, with it, and with a noisy forecast of it."""
    exact = Proxy(drivers, protocol.horizon, seed=protocol.seed)
    told = {"without": None, "exact": exact, "noisy": replace(exact, noise=NOISE_PER_DAY)}
    return [replace(champion, name=name, weather=what) for name, what in told.items()]


def judge(runs: Mapping[str, Run]) -> tuple[list[targets.Target], str]:
    """Targets that the runs of `entries` are judged by; or none, and a remark that says why."""
    failed = sorted(f"{n}: {r.failure or 'declined'}" for n, r in runs.items() if not r.scores)
    if failed:
        return [], f"The weather is not judged; {'; '.join(failed)}."
    measured = {name: measure(run.scores) for name, run in runs.items()}
    without, exact = measured["without"], measured["exact"]
    if np.array_equal(without.columns["days_1_7"], exact.columns["days_1_7"]):
        return [], "The champion takes no covariates: its targets with weather are not judged."
    return targets.of_weather(without, exact, measured["noisy"]), ""
