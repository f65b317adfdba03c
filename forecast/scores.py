"""Scores of probability forecasts: CRPS, WIS, coverage, PIT, skill.

All take samples of shape (n_paths, …) and observations of shape (…), in the series' own unit.
"""

from __future__ import annotations

__all__ = ["CRPS_ESTIMATOR", "coverage", "crps", "covered_by_pit", "pit", "skill", "wis"]

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from forecast.paths import interval_probabilities, quantiles

CRPS_ESTIMATOR = "pwm"
"""Named in every table: the unbiased estimator (equal to `fair`), O(n log n), no n x n array."""

Array = npt.NDArray[np.float64]


def crps(sample: npt.NDArray[np.integer], observed: npt.ArrayLike) -> Array:
    """Continuous ranked probability score, lower is better, in the unit of the series.

    Parameters
    ----------
    sample : ndarray, shape (n_paths, …)
    observed : array_like, shape (…)

    Returns
    -------
    ndarray, shape (…)

    References
    ----------
    Gneiting and Raftery (2007), JASA 102(477), eq. 21; estimator by probability weighted moments:
    Zamo and Naveau (2018), Mathematical Geosciences 50.
    """
    import scoringrules  # only for scoring: `status` uses other scores of this module

    truth = np.asarray(observed, dtype=np.float64)
    draws = np.asarray(sample, dtype=np.float64)
    return np.asarray(scoringrules.crps_ensemble(truth, draws, m_axis=0, estimator=CRPS_ESTIMATOR))


def wis(
    sample: npt.NDArray[np.integer],
    observed: npt.ArrayLike,
    levels: Sequence[float] = (50.0, 80.0, 95.0),
) -> Array:
    """Weighted interval score of the median and the central intervals at `levels` per cent.

    Returns
    -------
    ndarray, shape of `observed`

    References
    ----------
    Bracher, Ray, Gneiting and Reich (2021), PLOS Computational Biology 17(2), eq. 1-2.
    """
    truth = np.asarray(observed, dtype=np.float64)
    total = 0.5 * np.abs(truth - quantiles(sample, [0.5])[0])
    for level in levels:
        alpha = 1.0 - level / 100.0
        lo, hi = quantiles(sample, interval_probabilities(level)).astype(np.float64)
        penalty = np.maximum(lo - truth, 0.0) + np.maximum(truth - hi, 0.0)
        total = total + 0.5 * alpha * (hi - lo) + penalty
    return np.asarray(total / (len(levels) + 0.5))


def coverage(
    sample: npt.NDArray[np.integer], observed: npt.ArrayLike, level: float
) -> npt.NDArray[np.bool_]:
    """Whether the central interval at `level` per cent contains each observation (inclusive)."""
    truth = np.asarray(observed)
    lo, hi = quantiles(sample, interval_probabilities(level))
    return np.asarray((lo <= truth) & (truth <= hi))


def pit(
    sample: npt.NDArray[np.integer], observed: npt.ArrayLike, rng: np.random.Generator
) -> Array:
    """Randomised probability integral transform; uniform on (0, 1) if calibrated.

    With many zeros the plain transform would pile up, so it is drawn uniformly between the shares
    of the sample below the observation, and at or below it.

    References
    ----------
    Czado, Gneiting and Held (2009), Biometrics 65, eq. 2.
    """
    truth = np.asarray(observed)
    below = (sample < truth).mean(axis=0)
    upto = (sample <= truth).mean(axis=0)
    return np.asarray(below + rng.uniform(size=truth.shape) * (upto - below))


def covered_by_pit(transforms: npt.ArrayLike, level: float) -> npt.NDArray[np.bool_]:
    """Whether the central interval at `level` per cent contained the outcome, from its PIT.

    The interval leaves out as much probability below as above, so it contains outcomes whose PIT is
    within ``level / 200`` of one half. With the randomised PIT, coverage of a calibrated forecast
    is `level` per cent even if many days have none; `coverage` is then higher, as it includes
    bounds at zero.

    Parameters
    ----------
    transforms : array_like, shape (…)
        From `pit`.
    """
    return np.asarray(np.abs(np.asarray(transforms, dtype=np.float64) - 0.5) < level / 200)


def skill(score: float, reference: float) -> float:
    """Relative improvement on the `reference` score: 1 is perfect, 0 is no better.

    NaN if the reference is perfect.
    """
    return 1.0 - score / reference if reference else float("nan")
