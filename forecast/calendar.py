"""Seasonal terms: harmonics of the year and days of the week."""

from __future__ import annotations

__all__ = ["MEAN_YEAR", "day_of_year", "harmonics", "weekday"]

import numpy as np
import numpy.typing as npt

MEAN_YEAR = 365.2425
"""Days in a mean Gregorian year."""

_SATURDAY = np.datetime64("2022-01-01", "D")


def weekday(dates: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """Day of the week, Monday 0 to Sunday 6, same shape as `dates`."""
    since_saturday = (dates - _SATURDAY).astype(np.int64)
    weekdays: npt.NDArray[np.int64] = (since_saturday + 5) % 7
    return weekdays


def day_of_year(dates: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """Days since 1 January of the same year, 0 to 365, same shape as `dates`."""
    new_year = dates.astype("datetime64[Y]").astype("datetime64[D]")
    return np.asarray((dates - new_year).astype(np.int64))


def harmonics(dates: npt.NDArray[np.datetime64], order: int) -> npt.NDArray[np.float64]:
    """Sines and cosines of the year.

    Parameters
    ----------
    dates : ndarray of datetime64[D], shape (n,)
    order : int
        Number of harmonics; 1 is one wave a year.

    Returns
    -------
    ndarray, shape (n, 2 * order)
        ``sin 1, cos 1, sin 2, cos 2, …``
    """
    angle = 2.0 * np.pi * day_of_year(dates)[:, None] / MEAN_YEAR
    waves = angle * np.arange(1, order + 1)  # (n, order)
    return np.stack([np.sin(waves), np.cos(waves)], axis=-1).reshape(len(dates), 2 * order)
