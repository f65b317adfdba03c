"""The weather: what an issue was given of it, and what is foreseen for the coming days."""

from __future__ import annotations

__all__ = ["coming", "used"]

import datetime as dt
from typing import Any

import numpy as np

from service.answers.issue_loader import IssueLoader, IssueView
from service.core.clock import instant, uk_day
from service.core.database import Connection
from service.data import weather_store
from service.data.daily_weather import ATTRIBUTION
from service.issues import note_store
from service.issues.issue_store import Issue

_DAYS = 7
_STALE = dt.timedelta(hours=weather_store.STALE_HOURS)
_COLUMNS = {
    "wave_night_m": "wave_height_night_mean_m",
    "wave_max_m": "wave_height_day_max_m",
    "wind_night_kmh": "wind_speed_10m_night_mean_kmh",
    "gusts_max_kmh": "wind_gusts_10m_day_max_kmh",
}


def used(connection: Connection, issue: Issue) -> dict[str, Any]:
    """Whether `issue` was made with the weather.

    Returns
    -------
    dict
        ``status``: ``used``, ``missing`` (it was wanted and could not be had) or ``off``; and
        ``reason``. Where it was used also ``models``, ``read_at`` (when it was first read),
        ``made_at``, ``days_ahead``, ``members`` and ``columns``.
    """
    note = note_store.get_note(connection, issue.issue_id, note_store.WEATHER)
    return note or {"status": "off", "reason": "this forecast was made without the weather"}


def coming(loader: IssueLoader, view: IssueView) -> dict[str, Any] | None:
    """The coming days as they were foreseen at the moment of `view`.

    Returns
    -------
    dict | None
        ``made_at``, ``read_at`` (first), ``attribution``; ``used``, as of `used`; and ``rows`` of
        at most seven days: ``date``, the waves' mean at night and highest of the day in metres,
        the wind's mean at night and highest gust in km/h. None when no weather is read, or none
        was new lately.
    """
    if loader.context.settings.weather == "off":
        return None
    with loader.context.database.reading() as connection:
        forecast = weather_store.newest(connection, "forecast", view.moment)
        given = used(connection, view.issue)
    if forecast is None or view.moment - forecast.seen_at > _STALE:
        return None
    if not set(_COLUMNS.values()) <= set(forecast.names):
        return None
    rows = []
    for at, values in enumerate(forecast.values[0]):
        day = forecast.first + dt.timedelta(days=at)
        if day < uk_day(view.moment) or not np.isfinite(values).all():
            continue
        numbers = {
            name: round(
                float(values[forecast.names.index(column)]), 1 if name.endswith("_m") else 0
            )
            for name, column in _COLUMNS.items()
        }
        rows.append({"date": day.isoformat()} | numbers)
    if not rows:
        return None
    return {
        "made_at": instant(forecast.made_at),
        "read_at": instant(forecast.seen_at),
        "attribution": ATTRIBUTION,
        "used": given,
        "rows": rows[:_DAYS],
    }
