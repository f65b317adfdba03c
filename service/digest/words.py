"""Numbers, days and sentences as the mail writes them."""

from __future__ import annotations

__all__ = ["FILTERS", "week_name"]

import datetime as dt
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from service.answers.headline import per_cent
from service.clock import LONDON

_LINE = 76


def week_name(week: str, made_at: str) -> str:
    """``Week 2 of 2026, Friday 9 January 2026``."""
    year, number = week.split("-W")
    made = dt.datetime.fromisoformat(made_at).astimezone(LONDON)
    return f"Week {int(number)} of {year}, {made:%A} {made.day} {made:%B %Y}"


def _count(number: int) -> str:
    return f"{number:,}"


def _span(row: Mapping[str, Any], level: int) -> str:
    return f"{row[f'lo{level}']:,} to {row[f'hi{level}']:,}"


def _weekday(text: str) -> str:
    day = dt.date.fromisoformat(text)
    return f"{day:%a} {day.day} {day:%b}"


def _day(text: str) -> str:
    day = dt.date.fromisoformat(text)
    return f"{day.day} {day:%B %Y}"


def _moment(text: str) -> str:
    moment = dt.datetime.fromisoformat(text).astimezone(LONDON)
    return f"{moment.day} {moment:%B %Y, %H:%M} UK time"


def _period(row: Mapping[str, Any]) -> str:
    """A period by the days that it has."""
    first, last = (dt.date.fromisoformat(row[name]) for name in ("from", "to"))
    if row["period"] == "this_month":
        return f"{first:%B %Y}"
    if row["period"] == "calendar_year":
        return f"The year {first.year}"
    days = (last - first).days + 1
    return f"{days} days, to {last.day} {last:%b %Y}"


def _fold(text: str) -> str:
    """Lines of text; a number stays beside its per cent sign."""
    bound = text.replace(" %", "\N{NO-BREAK SPACE}%")
    lines = textwrap.fill(bound, _LINE, break_long_words=False, break_on_hyphens=False)
    return lines.replace("\N{NO-BREAK SPACE}%", " %")


FILTERS: dict[str, Callable[..., str]] = {
    "chance": per_cent,
    "count": _count,
    "day": _day,
    "fold": _fold,
    "moment": _moment,
    "period": _period,
    "span": _span,
    "weekday": _weekday,
}
"""Filters of the templates, by name."""
