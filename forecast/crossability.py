"""How crossable the sea is: the chance that anyone arrives, from the weather alone.

Its mean over the last days tells how many could already leave; yesterday's, when nobody came, how
many still wait.
"""

from __future__ import annotations

__all__ = ["RECENT_DAYS", "WIDTH", "crossability", "crossability_columns", "fit_crossability"]

import numpy as np
import numpy.typing as npt

from forecast.regression import logistic, logistic_regression, scaled_ridge

Array = npt.NDArray[np.float64]

RECENT_DAYS = 5
"""Days before a day whose mean crossability enters."""

WIDTH = 3
"""Columns of `crossability_columns`."""


def fit_crossability(columns: Array, busy: Array, weights: Array, ridge: float) -> Array:
    """Coefficients of a logistic regression of arrivals on the weather alone.

    Parameters
    ----------
    columns : ndarray, shape (n_days, k)
        Columns of `forecast.weather.WeatherTerms`.
    busy, weights : ndarray, shape (n_days,)
        Whether anyone arrived, and how much the day counts.
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
    """Chance of arrivals by the weather alone, shape (…, n_days), of `columns` (…, n_days, k)."""
    return logistic(coefficients[0] + columns @ coefficients[1:])


def crossability_columns(chance: Array) -> Array:
    """Today's, yesterday's and the recent mean crossability, shape (…, n_days, 3).

    Days before the first count as 0; give at least `RECENT_DAYS` days of the past.
    """
    yesterday, total = np.zeros_like(chance), np.zeros_like(chance)
    yesterday[..., 1:] = chance[..., :-1]
    for days in range(1, RECENT_DAYS + 1):
        total[..., days:] += chance[..., :-days]
    return np.stack([chance, yesterday, total / RECENT_DAYS], axis=-1)
