"""Weather used by an issue, and the weather forecast of the coming days."""

__all__ = ["weather_ahead", "weather_used"]

import datetime as dt
from typing import Any

import numpy as np

from service.answers.issue_loader import IssueLoader, IssueView
from service.core.clock import format_instant
from service.core.database import Connection
from service.data import weather_store
from service.data.daily_weather import ATTRIBUTION, WAVES, WIND, Array, WeatherReading
from service.issues import note_store
from service.issues.issue_store import Issue

_KMH = 3.6
_COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")


def weather_used(connection: Connection, issue: Issue) -> dict[str, Any]:
    """Return whether `issue` used weather: ``used``, ``missing`` (expected) or ``off``, and why."""
    note = note_store.get_note(connection, issue.issue_id, note_store.WEATHER)
    return note or {"status": "off", "reason": "this forecast was made without the weather"}


def weather_ahead(loader: IssueLoader, view: IssueView) -> dict[str, Any] | None:
    """Return the weather forecast known at the moment of `view`; None if there is no recent one.

    ``rows`` have median and middle 80% of the members of the night's wind and the day's gusts in
    km/h, and of the waves, a single forecast, the night's mean and the day's maximum in metres.
    """
    if not loader.context.reads_weather:
        return None
    with loader.context.database.reading() as connection:
        readings = weather_store.WeatherReadings(connection, loader.route)
        try:
            wind = readings.newest_at("ensemble", view.moment)
            waves = readings.newest_at("waves", view.moment)
        except ValueError:  # a damaged reading only affects the weather; the refit reports it
            return None
        given = weather_used(connection, view.issue)
    if wind is None:
        return None
    days = range(max((loader.route.day(view.moment) - wind.first).days, 0), wind.values.shape[1])
    rows = [
        _row(wind.first + dt.timedelta(days=at), wind.values[:, at], waves)
        for at in days
        if np.isfinite(wind.values[:, at]).all()
    ]
    if not rows:
        return None
    return {
        "read_at": format_instant(wind.read_at),
        "members": len(wind.values),
        "attribution": ATTRIBUTION,
        "used": given,
        "rows": rows,
    }


def _row(day: dt.date, members: Array, waves: WeatherReading | None) -> dict[str, Any]:
    """Return one day of the answer from `members`, shape (n_members, n_columns)."""
    column = dict(zip(WIND, members.T, strict=True))
    row: dict[str, Any] = {"date": day.isoformat()}
    for name, speeds in (("wind", column["wind_night_mean_ms"]), ("gusts", column["gust_max_ms"])):
        lo, median, hi = np.quantile(speeds * _KMH, [0.1, 0.5, 0.9]).round().astype(int).tolist()
        row |= {f"{name}_lo80": lo, f"{name}_median": median, f"{name}_hi80": hi}
    angle = np.degrees(np.arctan2(-column["u_night_ms"], -column["v_night_ms"])) % 360
    octants = np.bincount((angle / 45).round().astype(int) % 8, minlength=8)
    row["wind_from"] = _COMPASS[int(octants.argmax())]
    at = (day - waves.first).days if waves else -1
    if waves and 0 <= at < waves.values.shape[1] and np.isfinite(waves.values[0, at]).all():
        heights = waves.values[0, at].round(1).tolist()
        return row | dict(zip(WAVES, heights, strict=True))
    return row | dict.fromkeys(WAVES)
