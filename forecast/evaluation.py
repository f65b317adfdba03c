"""Scores of one forecast against the outcomes, by day and for totals."""

from __future__ import annotations

__all__ = ["DAY_LEVELS", "TOTALS", "Evaluation", "evaluate"]

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast.paths import Paths, interval_probabilities, quantiles
from forecast.scores import coverage, crps, pit, wis

Array = npt.NDArray[np.float64]

DAY_LEVELS = (50, 80, 95)
TOTALS = {"total_7": 7, "total_14": 14, "total_28": 28}
"""Totals to score, by name: days from the first."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores of a forecast by days ahead, in the unit of the series.

    Attributes
    ----------
    crps, wis, pit : ndarray, shape (n_days,)
        Scores of the days.
    error : ndarray, shape (n_days,)
        Mean forecast minus truth.
    within : dict of level to ndarray of bool, shape (n_days,)
        Whether the day's central interval contained the truth.
    p_zero, truth : ndarray, shape (n_days,)
        Probability of no arrivals, and the outcome.
    totals : dict
        For each of `TOTALS` within the days: ``crps wis pit error truth median``, and
        ``within_L lo_L hi_L`` for each level.
    """

    crps: Array
    wis: Array
    pit: Array
    error: Array
    within: dict[int, npt.NDArray[np.bool_]]
    p_zero: Array
    truth: npt.NDArray[np.int64]
    totals: dict[str, dict[str, float]]


def evaluate(paths: Paths, truth: npt.NDArray[np.int64], rng: np.random.Generator) -> Evaluation:
    """Score `paths` against `truth`, shape (n_days,), starting at the first day of the paths.

    `rng` is used only for the randomised PIT, which for a day or total does not depend on the
    number of known days.
    """
    near = paths.upto(len(truth))
    totals = {
        name: _total(near, truth[:days], stream)
        for (name, days), stream in zip(TOTALS.items(), rng.spawn(len(TOTALS)), strict=True)
        if days <= len(truth)
    }
    return Evaluation(
        crps=crps(near.values, truth),
        wis=wis(near.values, truth),
        pit=pit(near.values, truth, rng),
        error=near.mean() - truth,
        within={level: coverage(near.values, truth, level) for level in DAY_LEVELS},
        p_zero=near.p_zero(),
        truth=truth,
        totals=totals,
    )


def _total(paths: Paths, truth: npt.NDArray[np.int64], rng: np.random.Generator) -> dict[str, Any]:
    totals = paths.upto(len(truth)).values.sum(axis=1)[:, None]  # (n_paths, 1)
    actual = truth.sum(keepdims=True)
    scores: dict[str, Any] = {
        "crps": float(crps(totals, actual)[0]),
        "wis": float(wis(totals, actual)[0]),
        "pit": float(pit(totals, actual, rng)[0]),
        "error": float(totals.mean() - actual[0]),
        "truth": int(actual[0]),
        "median": int(quantiles(totals, [0.5])[0, 0]),
    }
    for level in (*DAY_LEVELS, 99):
        lo, hi = quantiles(totals, interval_probabilities(level))[:, 0]
        scores |= {f"lo_{level}": int(lo), f"hi_{level}": int(hi)}
        scores[f"within_{level}"] = float(lo <= actual[0] <= hi)
    return scores
