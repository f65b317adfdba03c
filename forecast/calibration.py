"""Spread of totals, learned from past errors and applied to whole paths.

Each path is scaled as a whole within each window of days: days and totals stay consistent, days
without arrivals stay so, and no day becomes negative.
"""

from __future__ import annotations

__all__ = ["normal_score", "rescale_spread", "estimate_stretch"]

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Array = npt.NDArray[np.float64]

_FLOOR = 50.0
"""People, added to totals before taking ratios."""

_MOST_STRETCH = 0.4
_FEWEST_ORIGINS = 6


def normal_score(totals: npt.NDArray[np.integer], truth: int) -> float:
    """Position of `truth` among simulated `totals`, (n_paths,), in standard deviations.

    Standard normal over many forecasts if their spread is right.

    References
    ----------
    Gneiting, Balabdaoui and Raftery (2007), Journal of the Royal Statistical Society B 69(2).
    """
    rank = float(np.mean(totals < truth) + 0.5 * np.mean(totals == truth))
    edge = 0.5 / len(totals)
    return float(ndtri(np.clip(rank, edge, 1.0 - edge)))


def estimate_stretch(scores: Array, independent: float, prior_strength: float) -> float:
    """Log factor by which totals should be further from the median; 0 leaves them as they are.

    Parameters
    ----------
    scores : ndarray, shape (n_origins,) or (n_origins, n_totals)
        Normal scores of past truths.
    independent : float
        Independent share of each score: below 1 if windows overlap.
    prior_strength : float
        Weight of the prior that the spread is right, in independent scores.
    """
    if len(scores) < _FEWEST_ORIGINS:
        return 0.0
    weight = scores.size * independent
    variance = (prior_strength + weight * float(np.mean(scores**2))) / (prior_strength + weight)
    return float(np.clip(0.5 * np.log(variance), -_MOST_STRETCH, _MOST_STRETCH))


def rescale_spread(
    paths: npt.NDArray[np.int32],
    stretch: float,
    window_days: int,
    like: npt.NDArray[np.int32] | None = None,
) -> Array:
    """Move the totals of each window away from their median by `stretch`; same shape.

    The total T of each window becomes about ``T * (T / median) ** stretch``.

    Parameters
    ----------
    like : ndarray, shape of `paths`
        Paths of the same futures whose totals decide the scaling; default: `paths`.
    """
    out = paths.astype(np.float64)
    if stretch == 0.0:
        return out
    for start in range(0, paths.shape[1], window_days):
        part = out[:, start : start + window_days]
        total = (paths if like is None else like)[:, start : start + window_days].sum(axis=1)
        factor = ((total + _FLOOR) / (np.median(total) + _FLOOR)) ** stretch
        moved = np.maximum(np.rint(part * factor[:, None]), 1.0)
        out[:, start : start + window_days] = np.where(part > 0, moved, 0.0)
    return out
