"""The champion with and without the weather: what a forecast of it is worth.

The days' actual values stand for their forecast; then again with noise that grows with the lead.
"""

from __future__ import annotations

__all__ = ["PROTOCOL", "Proxy", "entries", "judge", "reached"]

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bench import targets
from bench.measures import measure
from bench.runs import Entry, Run
from forecast.backtest import Protocol
from forecast.covariates import Covariates, CovariateTable
from forecast.series import ONE_DAY, Day, as_day

PROTOCOL = Protocol("2022-01-01", "2024-12-01", every=7, horizon=14)
NOISE_PER_DAY = 0.2
"""Standard deviation of the noise for each day of lead, in the covariate's own."""


@dataclass(frozen=True, eq=False)
class Proxy:
    """What is said to be known of `table` at an origin, `horizon` days ahead."""

    table: CovariateTable
    horizon: int
    noise: float = 0.0
    seed: int = 1

    def __call__(self, origin: Day) -> Covariates:
        """History up to `origin`, and one future: the actual days, with noise if any."""
        stream = [self.seed, zlib.crc32(b"weather"), int(origin.astype(np.int64))]
        return self.table.at(origin, self.horizon, self.noise, np.random.default_rng(stream))


def reached(protocol: Protocol, table: CovariateTable) -> Protocol:
    """The same protocol, with no origin whose horizon is not known in `table` in one version."""
    last = min(
        as_day(protocol.last), table.start + (table.n_single - 1 - protocol.horizon) * ONE_DAY
    )
    return replace(protocol, last=str(last))


def entries(champion: Entry, table: CovariateTable, protocol: Protocol) -> list[Entry]:
    """The champion three times: without the weather, with it, and with a noisy forecast of it."""
    exact = Proxy(table, protocol.horizon, seed=protocol.seed)
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
