"""Hourly weather at two points made into daily covariates that matter for a crossing."""

from __future__ import annotations

__all__ = ["ATTRIBUTION", "MEMBER_NAMES", "NAMES", "VARIABLES", "Weather", "daily"]

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ATTRIBUTION = "Weather data by Open-Meteo.com, licensed under CC BY 4.0."

VARIABLES = {
    "wave_height": "m",
    "wind_wave_height": "m",
    "swell_wave_height": "m",
    "wind_speed_10m": "kmh",
    "wind_gusts_10m": "kmh",
}
"""Hourly variables and their units; the first three of the sea, the others of the air."""

_NIGHT_HOURS = slice(0, 10)  # 00:00 to 09:00 UTC, both included: when boats set out


def _names_of(variables: Sequence[str]) -> tuple[str, ...]:
    """The daily columns of some hourly `variables`, in order."""
    return tuple(
        f"{variable}_{when}_{VARIABLES[variable]}"
        for variable in variables
        for when in ("night_mean", "night_min", "day_max")
    )


NAMES = _names_of(tuple(VARIABLES))
"""Columns of the past and of the forecast."""

MEMBER_NAMES = _names_of(("wind_speed_10m", "wind_gusts_10m"))
"""Columns of the ensemble, which knows the air only."""


@dataclass(frozen=True, eq=False)
class Weather:
    """Daily covariates of consecutive or scattered days.

    Attributes
    ----------
    kind : str
        ``archive`` (what was), ``past_forecast`` (what was foreseen then), ``forecast`` (what is
        foreseen), ``ensemble`` (equally likely futures).
    names : tuple of str
        One a column, with its unit.
    dates : tuple of date
        UTC days, in order; a day with an hour missing is not there.
    values : ndarray, shape (n_members, n_days, n_columns)
        One member unless it is an ensemble; finite.
    made_at : datetime
        When the forecast was made: the start of the model's run where it is told, else when it
        was fetched.
    fetched_at : datetime
        When it was fetched.
    """

    kind: str
    names: tuple[str, ...]
    dates: tuple[dt.date, ...]
    values: npt.NDArray[np.float64]
    made_at: dt.datetime
    fetched_at: dt.datetime


def daily(
    first: dt.date, hourly: npt.NDArray[np.float64]
) -> tuple[tuple[dt.date, ...], npt.NDArray[np.float64]]:
    """Make days of hours.

    The mean is over the night and both points. The minimum and the maximum are over the points as
    well: one calm stretch is enough to set out from, and one rough one to be caught in.

    Parameters
    ----------
    first : date
        UTC day of the first hour.
    hourly : ndarray, shape (n_members, n_points, 24 * n_days, n_variables)
        NaN where an hour is not known.

    Returns
    -------
    dates : tuple of date
        The days of which every hour is known.
    values : ndarray, shape (n_members, n_dates, 3 * n_variables)
        For each variable the mean and the minimum of the night, and the maximum of the day.
    """
    members, points, hours, variables = hourly.shape
    days = hourly.reshape(members, points, hours // 24, 24, variables)
    whole = np.isfinite(days).all(axis=(0, 1, 3, 4))  # (n_days,)
    days = days[:, :, whole]
    night = days[:, :, :, _NIGHT_HOURS]
    columns = np.stack(
        [night.mean(axis=(1, 3)), night.min(axis=(1, 3)), days.max(axis=(1, 3))], axis=-1
    )  # (n_members, n_dates, n_variables, 3)
    dates = tuple(first + dt.timedelta(days=int(at)) for at in np.flatnonzero(whole))
    return dates, columns.reshape(members, len(dates), 3 * variables)
