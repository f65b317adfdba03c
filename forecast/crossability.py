"""Crossability: the chance of any arrivals, from the weather alone.

Its mean over recent days indicates how many have already left; yesterday's, if nobody arrived, how
many are still waiting.
"""

from __future__ import annotations

__all__ = ["RECENT_DAYS", "WIDTH", "crossability", "crossability_columns", "fit_crossability"]

import numpy as np
import numpy.typing as npt

from forecast.regression import logistic, logistic_regression, scaled_ridge

Array = npt.NDArray[np.float64]

RECENT_DAYS = 5
"""Number of previous days whose mean crossability is used."""

WIDTH = 3
"""Number of columns of `crossability_columns`."""


def fit_crossability(columns: Array, busy: Array, weights: Array, ridge: float) -> Array:
    """Fit a logistic regression of arrivals on the weather alone.

    Parameters
    ----------
    columns : ndarray, shape (n_days, k)
        Columns of `forecast.weather.WeatherTerms`.
    busy, weights : ndarray, shape (n_days,)
        Whether anyone arrived, and the weight of the day.
    ridge : float
        Penalty in standard deviations of a column.

    Returns
    -------
    ndarray, shape (1 + k,)
    """
    x = np.hstack([np.ones((len(columns), 1)), columns])
    penalty = scaled_ridge(x, weights, np.full(x.shape[1], ridge))
    return logistic_regression(x, busy, weights, penalty)


def crossability(columns: Array, coefficients: Array) -> Array:
    """Chance of arrivals from weather `columns` (…, n_days, k), shape (…, n_days)."""
    return logistic(coefficients[0] + columns @ coefficients[1:])


def crossability_columns(chance: Array) -> Array:
    """Today's, yesterday's and the recent mean crossability, shape (…, n_days, 3).

    Days before the first count as 0; include at least `RECENT_DAYS` past days.
    """
    yesterday, total = np.zeros_like(chance), np.zeros_like(chance)
    yesterday[..., 1:] = chance[..., :-1]
    for days in range(1, RECENT_DAYS + 1):
        total[..., days:] += chance[..., :-days]
    return np.stack([chance, yesterday, total / RECENT_DAYS], axis=-1)
