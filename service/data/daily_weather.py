"""Daily columns computed from hourly weather at a few points.

History and forecast use the same definitions. Night is 00 to 09 UTC, when boats set out; evening
is 15 to 24 UTC of the previous day. Columns are means over the points.
"""

__all__ = ["ATTRIBUTION", "WAVES", "WIND", "WeatherReading", "daily_waves", "daily_wind"]

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ATTRIBUTION = "Weather data by Open-Meteo.com, CC BY 4.0."

WIND = (
    *("wind_mean_ms", "wind_night_mean_ms", "gust_max_ms", "wind_prev_evening_ms"),
    *("u_night_ms", "v_night_ms"),
)
"""Columns for the models; u and v are the night's wind towards east and north."""

WAVES = ("wave_night_mean_m", "wave_max_m")
"""Columns shown to readers."""

_NIGHT, _EVENING = slice(0, 9), slice(15, 24)
_LEAST_SHARE = 2 / 3
"""Required share of hours for a mean or maximum; with fewer it is missing."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WeatherReading:
    """Daily weather of consecutive days from the UTC day `first`, from one reading.

    - `kind`: ``archive``, the reanalysis; ``recent``, the days after it; ``ensemble``, equally
      likely futures; ``waves``, a single forecast.
    - `names`: One per column, with its unit.
    - `values`: Shape (n_members, n_days, n_columns); NaN if too many hours are missing.
    """

    kind: str
    names: tuple[str, ...]
    first: dt.date
    values: Array
    read_at: dt.datetime

    @property
    def last(self) -> dt.date:
        """UTC day of the last row."""
        return self.first + dt.timedelta(days=int(self.values.shape[1]) - 1)


def daily_wind(hourly: Array) -> Array:
    """Return the columns `WIND` for each day but the first, which lacks the previous evening.

    `hourly`, shape (n_members, n_points, 24 * n_days, 3), holds speed and gusts in m/s, and the
    direction the wind blows from in degrees; the result has shape (n_members, n_days - 1, 6).
    """
    speed, gusts, direction = np.moveaxis(_days(hourly), -1, 0)
    night, angle = speed[..., _NIGHT], np.deg2rad(direction[..., _NIGHT])
    evening = np.full(speed.shape[:-1], np.nan)
    evening[..., 1:] = _mean(speed[..., _EVENING])[..., :-1]
    columns = [
        _mean(speed),
        _mean(night),
        _maximum(gusts),
        evening,
        _mean(-night * np.sin(angle)),
        _mean(-night * np.cos(angle)),
    ]
    return np.asarray(np.stack(columns, axis=-1).mean(axis=1)[:, 1:])


def daily_waves(hourly: Array) -> Array:
    """Return the columns `WAVES`, shape (n_members, n_days, 2), from wave heights in metres."""
    height = _days(hourly)[..., 0]
    columns = [_mean(height[..., _NIGHT]), _maximum(height)]
    return np.asarray(np.stack(columns, axis=-1).mean(axis=1))


def _days(hourly: Array) -> Array:
    """Reshape to (n_members, n_points, n_days, 24, n_variables)."""
    members, points, hours, variables = hourly.shape
    return hourly.reshape(members, points, hours // 24, 24, variables)


def _mean(hours: Array) -> Array:
    is_finite = np.isfinite(hours)
    total = np.where(is_finite, hours, 0.0).sum(axis=-1)
    return _if_enough(is_finite, total / np.maximum(is_finite.sum(axis=-1), 1))


def _maximum(hours: Array) -> Array:
    is_finite = np.isfinite(hours)
    return _if_enough(is_finite, np.where(is_finite, hours, -np.inf).max(axis=-1))


def _if_enough(is_finite: npt.NDArray[np.bool_], values: Array) -> Array:
    return np.where(is_finite.mean(axis=-1) >= _LEAST_SHARE, values, np.nan)
