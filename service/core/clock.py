"""Days and instants: calendar days in words, and moments in UTC."""

from __future__ import annotations

__all__ = [
    "MONTHS",
    "day_columns",
    "in_words",
    "instant",
    "span_before",
    "utc_now",
]

import datetime as dt

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
"""As British pages write them, whatever the language of the machine."""


def utc_now() -> dt.datetime:
    """Return the present moment, in UTC, to the second."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def in_words(day: dt.date) -> str:
    """``9 January 2026``."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def instant(moment: dt.datetime) -> str:
    """`moment` as RFC 3339 in UTC with ``Z``, to the second."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day_columns(day: dt.date) -> dict[str, str]:
    """``time`` and ``date``: the columns that the row of a day begins with."""
    return {"time": f"{day}T00:00:00Z", "date": day.isoformat()}


def span_before(first: dt.date, last: dt.date, years: int) -> tuple[dt.date, dt.date]:
    """The same days of an earlier year, both included.

    A span from the first of a month keeps its dates; any other, such as seven days, keeps its
    length and its last date: a 29 February between must not make it a day longer or shorter.
    """
    end = _years_before(last, years)
    return _years_before(first, years) if first.day == 1 else end - (last - first), end


def _years_before(day: dt.date, years: int) -> dt.date:
    """The same date of an earlier year; 28 February for a 29th that it does not have."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)
