"""Calendar days in words, and moments in UTC."""

__all__ = [
    "day_columns",
    "format_age",
    "format_day",
    "format_instant",
    "parse_date",
    "span_before",
    "utc_now",
]

import datetime as dt


def parse_date(text: str) -> dt.date:
    """Read a date written as ``YYYY-MM-DD``; raises `ValueError` for other forms of ISO 8601."""
    day = dt.date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError(f"expected a date such as 2024-10-18, found {text[:40]!r}")
    return day


def utc_now() -> dt.datetime:
    """Return the current time in UTC, to the second."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def format_age(age: dt.timedelta) -> str:
    """Format an age as ``37 hours``, or from two days on as ``14 days``, rounded down."""
    return f"{age.days} days" if age.days >= 2 else f"{age // dt.timedelta(hours=1)} hours"


def format_day(day: dt.date) -> str:
    """Format a day as ``9 January 2026``."""
    return f"{day.day} {day:%B} {day.year}"


def format_instant(moment: dt.datetime) -> str:
    """Format `moment` as RFC 3339 in UTC with ``Z``, to the second."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def day_columns(day: dt.date) -> dict[str, str]:
    """Return ``time`` and ``date``, the first columns of each daily row."""
    return {"time": f"{day}T00:00:00Z", "date": day.isoformat()}


def span_before(first: dt.date, last: dt.date, years: int) -> tuple[dt.date, dt.date]:
    """Return the same days of an earlier year, both ends included.

    A span from the first of a month keeps its dates. Any other keeps its length and last date, so
    that a 29 February in between does not change its length.
    """
    end = _years_before(last, years)
    return _years_before(first, years) if first.day == 1 else end - (last - first), end


def _years_before(day: dt.date, years: int) -> dt.date:
    """Return the same date of an earlier year; 28 February if that year has no 29th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)
