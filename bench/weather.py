"""Protocol W: the champion without weather, with observed and with forecast weather."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from bench import targets
from bench.measures import measure
from bench.runs import Entry, Run
from forecast.backtest import BacktestConfig
from forecast.covariates import CovariateTable
from forecast.series import ONE_DAY
from service.data import covariate_csv as covariates_file

_PERFECT_DAYS = 7


@dataclass(frozen=True, eq=False)
class Drivers:
    """One set of drivers: observations, and the forecast at each origin."""

    name: str
    table: CovariateTable


def read(history: Path, forecasts: Path) -> Drivers:
    """Read the files of one set of drivers; raises `SourceError`."""
    table = covariates_file.read(history)
    archive = covariates_file.read_forecasts(forecasts, table.names)
    return Drivers(history.name.split(".")[0], replace(table, archive=archive))


def protocol_of(
    drivers: Drivers, series: str, paths: int, seed: int, step: int = 1
) -> BacktestConfig:
    """Every `step`-th origin of the archive, 28 days ahead.

    Raises
    ------
    ValueError
        If the origins are not equally spaced.
    """
    assert drivers.table.archive is not None
    origins = drivers.table.archive.origins
    steps = np.diff(origins) // ONE_DAY
    if not len(steps) or (steps != steps[0]).any():
        raise ValueError("expected forecasts issued at origins equally far apart")
    every = step * int(steps[0])
    return BacktestConfig(str(origins[0]), str(origins[-1]), every, 28, paths, seed, series=series)


def entries(
    champion: Entry, peers: Sequence[Entry], sets: Sequence[Drivers], horizon: int
) -> list[Entry]:
    """The champion without weather, with the first drivers as observed, and each as forecast.

    Followed by the peers with each available weather.
    """
    perfect = partial(replace(sets[0].table, archive=None).at, horizon=_PERFECT_DAYS)
    runs = {"none": None, f"perfect {sets[0].name}": perfect}
    runs |= {f"ensemble {one.name}": partial(one.table.at, horizon=horizon) for one in sets}
    ours = [
        replace(champion, name=name, title=name, kind="ours", weather=weather)
        for name, weather in runs.items()
    ]
    return ours + [
        replace(peer, name=f"{peer.name} {name}", title=f"{name}: {peer.title}", weather=weather)
        for name, weather in runs.items()
        for peer in peers
        if weather is not None
    ]


def judge(runs: Mapping[str, Run]) -> tuple[list[targets.Target], str]:
    """Return the targets for the runs of `entries`; or none, and a remark with the reason."""
    failed = sorted(f"{n}: {r.failure or 'declined'}" for n, r in runs.items() if not r.scores)
    if failed:
        return [], f"The weather is not judged; {'; '.join(failed)}."
    measured = {name: measure(run.scores) for name, run in runs.items()}
    without, *others = measured.values()
    if np.array_equal(without.columns["days_1_7"], others[0].columns["days_1_7"]):
        return [], "The champion takes no covariates: its targets with weather are not judged."
    bounds = (targets.PERFECT, targets.ENSEMBLE, *[targets.OTHER_ENSEMBLE] * len(others))
    judged = targets.without_weather(without)
    for (name, with_weather), bound in zip(list(measured.items())[1:], bounds, strict=False):
        judged += targets.with_weather(name, with_weather, without, bound)
    return judged, ""
