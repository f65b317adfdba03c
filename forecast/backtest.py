"""Rolling origins: what each model would have said on past days, and how good it was.

At each origin a model sees the days up to and including the origin and nothing later.
"""

from __future__ import annotations

__all__ = ["OriginScore", "Protocol", "run", "score_origin", "summary"]

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast import joint
from forecast.covariates import Covariates
from forecast.forecasters.base import FitError, Forecaster
from forecast.paths import Paths
from forecast.scores import CRPS_ESTIMATOR, coverage, crps, pit, wis
from forecast.series import DailySeries, Day, as_day

_DAY_LEVELS = (50, 80, 95)
_TOTAL_LEVELS = (80,)
_LEADS = {"day_1": (1, 1), "days_1_7": (1, 7), "days_8_14": (8, 14), "days_15_28": (15, 28)}
_TOTALS = {"total_7": 7, "total_28": 28}


@dataclass(frozen=True)
class Protocol:
    """Which origins, how far ahead, how many paths.

    Attributes
    ----------
    first, last : str
        First origin, and the day that no origin is later than.
    every, horizon : int
        Days from origin to origin, and days ahead.
    paths, seed : int
    series : str
        The series that is judged.
    """

    first: str
    last: str
    every: int = 14
    horizon: int = 28
    paths: int = 1000
    seed: int = 1
    series: str = "people"

    def origins(self, data_through: Day) -> list[Day]:
        """Origins whose whole horizon lies within the figures."""
        last = min(as_day(self.last), data_through - self.horizon)
        days = np.arange(as_day(self.first), last + 1, self.every)
        return list(days)


@dataclass(frozen=True)
class OriginScore:
    """Scores of one model at one origin.

    Attributes
    ----------
    crps, wis, pit : ndarray, shape (horizon,)
        Of the days.
    within : dict of level to ndarray of bool, shape (horizon,)
        Whether the day's central interval held the truth.
    totals : dict
        For ``total_7`` and ``total_28``: ``crps``, ``pit``, ``error`` of the mean, ``within``.
    error : ndarray, shape (horizon,)
        Mean forecast less truth.
    """

    model: str
    origin: str
    seconds: float
    crps: npt.NDArray[np.float64]
    wis: npt.NDArray[np.float64]
    pit: npt.NDArray[np.float64]
    error: npt.NDArray[np.float64]
    within: dict[int, npt.NDArray[np.bool_]]
    totals: dict[str, dict[str, float]]


def score_origin(
    model: str,
    forecaster: Forecaster,
    figures: Mapping[str, DailySeries],
    origin: Day,
    protocol: Protocol,
    covariates: Covariates | None = None,
) -> OriginScore:
    """Fit on the days up to `origin`, draw, and score against what came.

    Raises
    ------
    FitError
        If the model declines, or there is no figure up to `origin` to fit on.
    """
    if origin not in figures[protocol.series]:
        raise FitError(f"no figures up to {origin}")
    truth = figures[protocol.series].between(origin + 1, origin + protocol.horizon).values
    seen = {name: series.upto(origin) for name, series in figures.items()}
    rng = joint.generator(protocol.seed, model, origin)
    began = time.perf_counter()
    fitted = joint.fit(forecaster, seen, covariates)
    paths = fitted.draw(protocol.horizon, protocol.paths, rng)[protocol.series]
    seconds = time.perf_counter() - began
    return _score(model, origin, seconds, paths, truth, rng)


def _score(
    model: str,
    origin: Day,
    seconds: float,
    paths: Paths,
    truth: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> OriginScore:
    totals = {}
    for name, days in _TOTALS.items():
        if days <= len(truth):
            drawn = paths.total(paths.start, paths.start + (days - 1))[:, None]
            came = truth[:days].sum(keepdims=True)
            totals[name] = {
                "crps": float(crps(drawn, came)[0]),
                "pit": float(pit(drawn, came, rng)[0]),
                "error": float(drawn.mean() - came[0]),
                "truth": float(came[0]),
            } | {
                f"within_{level}": float(coverage(drawn, came, level)[0]) for level in _TOTAL_LEVELS
            }
    return OriginScore(
        model=model,
        origin=str(origin),
        seconds=seconds,
        crps=crps(paths.values, truth),
        wis=wis(paths.values, truth),
        pit=pit(paths.values, truth, rng),
        error=paths.mean() - truth,
        within={level: coverage(paths.values, truth, level) for level in _DAY_LEVELS},
        totals=totals,
    )


def run(
    models: Mapping[str, Forecaster],
    figures: Mapping[str, DailySeries],
    protocol: Protocol,
    progress: Callable[[], None] = lambda: None,
) -> tuple[dict[str, list[OriginScore]], dict[str, list[str]]]:
    """Score every model at every origin; `progress` is called after each of them.

    Returns
    -------
    scores : dict of model to list of OriginScore, by origin
    declined : dict of model to list of str
        ``ORIGIN: reason`` for the origins that a model declined.
    """
    scores: dict[str, list[OriginScore]] = {name: [] for name in models}
    declined: dict[str, list[str]] = {name: [] for name in models}
    for origin in protocol.origins(figures[protocol.series].data_through):
        for name, forecaster in models.items():
            try:
                scores[name].append(score_origin(name, forecaster, figures, origin, protocol))
            except FitError as error:
                declined[name].append(f"{origin}: {error}")
            progress()
    return scores, declined


def summary(
    protocol: Protocol,
    scores: Mapping[str, list[OriginScore]],
    declined: Mapping[str, list[str]],
) -> dict[str, Any]:
    """Averages over origins and days, ready for JSON; null where the horizon is too short."""
    return {
        "protocol": asdict(protocol) | {"crps_estimator": CRPS_ESTIMATOR},
        "models": {
            name: _averages(rows, protocol.horizon) | {"declined": list(declined.get(name, []))}
            for name, rows in scores.items()
        },
    }


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
            "day": {str(level): mean(r.within[level] for r in rows) for level in _DAY_LEVELS},
        }
        | {
            name: {str(level): value for level in _TOTAL_LEVELS}
            for name, value in of_totals("within_80").items()
        },
        "coverage_by_pit": {
            str(level): mean(np.abs(r.pit - 0.5) < level / 200 for r in rows)
            for level in _DAY_LEVELS
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
