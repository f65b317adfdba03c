"""Backtests at rolling origins: forecast past days with each model, and score the forecasts.

At each origin a model sees the days up to the origin only.
"""

from __future__ import annotations

__all__ = [
    "Mapper",
    "OriginScore",
    "Outcome",
    "BacktestConfig",
    "Task",
    "Work",
    "against_best",
    "attempt",
    "in_turn",
    "rolling_origin",
    "score_origin",
    "summary",
]

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import numpy as np

from forecast import bootstrap, joint
from forecast.covariates import Covariates, CovariatesError, CovariateTable
from forecast.evaluation import DAY_LEVELS, Evaluation, evaluate
from forecast.forecasters.base import FitError, Forecaster
from forecast.scores import CRPS_ESTIMATOR, covered_by_pit
from forecast.series import ONE_DAY, DailySeries, Day, as_day

_TOTAL_LEVELS = (80,)
_LEADS = {"day_1": (1, 1), "days_1_7": (1, 7), "days_8_14": (8, 14), "days_15_28": (15, 28)}
_TOTALS = ("total_7", "total_28")


@dataclass(frozen=True)
class BacktestConfig:
    """Origins, horizon and number of paths of a backtest.

    Attributes
    ----------
    first, last : str
        First origin, and upper limit of the last one.
    every, horizon : int
        Days between origins, and days ahead.
    paths, seed : int
    series : str
        The series to score.
    """

    first: str
    last: str
    every: int = 14
    horizon: int = 28
    paths: int = 1000
    seed: int = 1
    series: str = field(kw_only=True)

    def origins(self, data_through: Day) -> list[Day]:
        """Return the origins whose whole horizon is within the figures."""
        last = min(as_day(self.last), data_through - self.horizon * ONE_DAY)
        count = (last - as_day(self.first)) // ONE_DAY // self.every + 1
        return [as_day(self.first) + k * self.every * ONE_DAY for k in range(count)]


@dataclass(frozen=True, kw_only=True)
class OriginScore(Evaluation):
    """Scores of one model at one origin, with the seconds to fit and simulate."""

    model: str
    origin: str
    seconds: float


@dataclass(frozen=True)
class Task:
    """One model at one origin."""

    model: str
    origin: Day


@dataclass(frozen=True)
class Work:
    """Data shared by all tasks, sent to a worker once."""

    models: Mapping[str, Forecaster]
    figures: Mapping[str, DailySeries]
    protocol: BacktestConfig
    drivers: CovariateTable | None = None
    foreseen: int | None = None

    def covariates(self, origin: Day) -> Covariates | None:
        """Return the covariates as forecast at `origin`; without an archive, as observed."""
        if self.drivers is None:
            return None
        reach = self.protocol.horizon if self.foreseen is None else self.foreseen
        return self.drivers.at(origin, min(reach, self.protocol.horizon))

    def tasks(self) -> list[Task]:
        """Return every model at every origin, by origin."""
        origins = self.protocol.origins(self.figures[self.protocol.series].data_through)
        return [Task(model, origin) for origin in origins for model in self.models]


Outcome: TypeAlias = OriginScore | str
"""The scores; or ``ORIGIN: reason`` if the model declined."""

Mapper: TypeAlias = Callable[[Work, Sequence[Task]], Iterable[tuple[int, Outcome]]]
"""Runs every task of some work; yields the index and outcome of each, in any order."""


def score_origin(
    model: str,
    forecaster: Forecaster,
    figures: Mapping[str, DailySeries],
    origin: Day,
    protocol: BacktestConfig,
    covariates: Covariates | None = None,
) -> OriginScore:
    """Fit on the days up to `origin`, simulate, and score against the outcomes.

    Raises
    ------
    FitError
        If the model declines, or there are no figures up to `origin`.
    """
    if origin not in figures[protocol.series]:
        raise FitError(f"no figures up to {origin}")
    end = origin + protocol.horizon * ONE_DAY
    truth = figures[protocol.series].between(origin + ONE_DAY, end).values
    seen = {name: series.upto(origin) for name, series in figures.items()}
    rng = joint.generator(protocol.seed, model, origin)
    began = time.perf_counter()
    fitted = joint.fit(forecaster, seen, covariates)
    paths = fitted.draw(protocol.horizon, protocol.paths, rng)[protocol.series]
    seconds = time.perf_counter() - began
    judged = evaluate(paths, truth, rng)
    return OriginScore(model=model, origin=str(origin), seconds=seconds, **vars(judged))


def attempt(work: Work, task: Task) -> Outcome:
    """Score one task; the outcome does not depend on where or when it runs."""
    try:
        return score_origin(
            task.model,
            work.models[task.model],
            work.figures,
            task.origin,
            work.protocol,
            work.covariates(task.origin),
        )
    except (FitError, CovariatesError) as error:
        return f"{task.origin}: {error}"


def in_turn(work: Work, tasks: Sequence[Task]) -> Iterator[tuple[int, Outcome]]:
    """Run the tasks sequentially in this process."""
    return ((place, attempt(work, task)) for place, task in enumerate(tasks))


def rolling_origin(
    models: Mapping[str, Forecaster],
    figures: Mapping[str, DailySeries],
    protocol: BacktestConfig,
    progress: Callable[[], None] = lambda: None,
    mapper: Mapper = in_turn,
    drivers: CovariateTable | None = None,
    foreseen: int | None = None,
) -> tuple[dict[str, list[OriginScore]], dict[str, list[str]]]:
    """Score every model at every origin.

    Parameters
    ----------
    progress : callable
        Called after each model at each origin.
    mapper : callable
        Runs the tasks; affects only the timings.
    drivers : CovariateTable | None
        Covariates of past days; without an archive, the days after an origin serve as their own
        forecast.
    foreseen : int | None
        Forecast days of the covariates; None: the whole horizon.

    Returns
    -------
    scores : dict of model to list of OriginScore, by origin
    declined : dict of model to list of str
        ``ORIGIN: reason`` for each origin where a model declined.
    """
    work = Work(models, figures, protocol, drivers, foreseen)
    tasks = work.tasks()
    outcomes: dict[int, Outcome] = {}
    for place, outcome in mapper(work, tasks):
        outcomes[place] = outcome
        progress()
    scores: dict[str, list[OriginScore]] = {name: [] for name in models}
    declined: dict[str, list[str]] = {name: [] for name in models}
    for place, task in enumerate(tasks):
        outcome = outcomes[place]
        if isinstance(outcome, OriginScore):
            scores[task.model].append(outcome)
        else:
            declined[task.model].append(outcome)
    return scores, declined


def summary(
    protocol: BacktestConfig,
    scores: Mapping[str, list[OriginScore]],
    declined: Mapping[str, list[str]],
) -> dict[str, Any]:
    """Average over origins and days, as JSON values; null if the horizon is too short."""
    return {
        "protocol": asdict(protocol) | {"crps_estimator": CRPS_ESTIMATOR},
        "models": {
            name: _averages(rows, protocol.horizon) | {"declined": list(declined.get(name, []))}
            for name, rows in scores.items()
        },
    }


def against_best(
    model: str, baselines: Sequence[str], scores: Mapping[str, list[OriginScore]]
) -> dict[str, tuple[str, bootstrap.Interval]]:
    """Best baseline by CRPS, and the model's CRPS relative to it, for short leads.

    Uses the mean of ``days_1_7`` and ``total_7`` at the origins that all have scored. Empty if
    these are too few for an interval, or if a baseline's CRPS is zero.
    """
    names = [model, *baselines]
    by_origin = {name: {row.origin: row for row in scores[name]} for name in names}
    shared = [origin for origin in by_origin[model]
              if all(origin in by_origin[name] for name in baselines)]  # fmt: skip
    overlap = bootstrap.count_overlap(shared, 7)
    if len(shared) < bootstrap.fewest_origins(overlap):
        return {}
    measures: dict[str, Callable[[OriginScore], float]] = {
        "days_1_7": lambda row: float(row.crps[:7].mean()),
        "total_7": lambda row: row.totals["total_7"]["crps"],
    }
    ratios = {}
    for key, measure in measures.items():
        crps = {
            name: np.array([measure(by_origin[name][origin]) for origin in shared])
            for name in names
        }
        best = min(baselines, key=lambda name: float(crps[name].mean()))
        if not crps[best].any():
            return {}
        ratios[key] = best, bootstrap.ratio(crps[model], crps[best], overlap)
    return ratios


def _averages(rows: list[OriginScore], horizon: int) -> dict[str, Any]:
    def mean(values: Iterable[Any]) -> float | None:
        together = list(values)
        return float(np.mean(together)) if together else None

    def of_totals(key: str) -> dict[str, float | None]:
        return {name: mean(r.totals[name][key] for r in rows if name in r.totals)
                for name in _TOTALS}  # fmt: skip

    def of_days(name: str) -> float | None:
        first, last = _LEADS[name]
        return mean(r.crps[first - 1 : last] for r in rows) if last <= horizon else None

    return {
        "origins": len(rows),
        "seconds_per_origin": mean(r.seconds for r in rows),
        "crps": {name: of_days(name) for name in _LEADS} | of_totals("crps"),
        "wis": {"day": mean(r.wis for r in rows)},
        "bias": {"day": mean(r.error for r in rows)} | of_totals("error"),
        "coverage": {
            "day": {str(level): mean(r.within[level] for r in rows) for level in DAY_LEVELS},
        }
        | {
            name: {str(level): value for level in _TOTAL_LEVELS}
            for name, value in of_totals("within_80").items()
        },
        "coverage_by_pit": {
            str(level): mean(covered_by_pit(r.pit, level) for r in rows) for level in DAY_LEVELS
        },
        "per_origin": [
            {
                "origin": r.origin,
                "day_1": float(r.crps[0]),
                "days_1_7": float(r.crps[:7].mean()),
            }
            | {name: r.totals[name]["crps"] for name in r.totals}
            for r in rows
        ],
    }
