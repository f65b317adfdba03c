"""The kinds of query parameters: how each is written, and how the document describes it."""

from __future__ import annotations

__all__ = [
    "DATE",
    "Day",
    "DayOf",
    "Horizon",
    "Levels",
    "Limit",
    "Moment",
    "OurShare",
    "Periods",
    "Share",
    "StayDays",
    "Threshold",
    "Weeks",
    "Window",
]

import datetime as dt
import re
from typing import Annotated, Any

from flask import current_app
from pydantic import BeforeValidator, WithJsonSchema

from service.answers.ahead import MOST_HORIZON
from service.answers.bands import LEVELS
from service.answers.checks import MOST_ISSUES, MOST_STAY_DAYS, MOST_THRESHOLD, SHARES
from service.answers.our_share import LEAST_SHARE
from service.answers.totals import PERIODS
from service.data.observation_store import AsOf

_ANY_LEVEL = "|".join(map(str, LEVELS))
_ANY_PERIOD = "|".join(PERIODS)
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")  # ISO 8601 has other forms

_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _date(value: Any) -> Any:
    if isinstance(value, str):
        try:
            if DATE.fullmatch(value):
                return dt.date.fromisoformat(value)
        except ValueError:
            pass
        raise ValueError(f"expected a date such as 2024-10-18, found {value[:40]!r}")
    return value


def _as_of(value: Any) -> Any:
    if not isinstance(value, str) or DATE.fullmatch(value):
        return _date(value)
    try:
        # In a query string an unescaped "+" arrives as a space.
        text = value.replace(" ", "+")
        if not _INSTANT.fullmatch(text):
            raise ValueError
        # Some moments at the ends of the calendar have no counterpart in UTC.
        return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise _no_moment(value) from None


def _no_moment(value: str) -> ValueError:
    return ValueError(f"expected 2024-10-18 or 2024-10-18T14:00:00Z, found {value[:40]!r}")


def _day_of(value: Any) -> Any:
    """A date, or the day of an instant: charts ask with instants."""
    found = _as_of(value)
    try:
        return (
            current_app.extensions["loader"].route.day(found)
            if isinstance(found, dt.datetime)
            else found
        )
    except OverflowError:  # the first minute of the calendar is of no day
        raise _no_moment(value) from None


def _numbers(value: Any) -> Any:
    if isinstance(value, str):
        if not re.fullmatch(r"[0-9]{1,3}(,[0-9]{1,3})*", value):
            raise ValueError(f"expected numbers such as 50,80,95, found {value[:40]!r}")
        return tuple(int(part) for part in value.split(","))
    return value


def _names(value: Any) -> Any:
    return tuple(value.split(",")) if isinstance(value, str) else value


def _whole(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,9}", value):
        raise ValueError(f"expected a whole number such as 28, found {value[:40]!r}")
    return value


def _weeks(value: Any) -> Any:
    if isinstance(value, str):
        if not re.fullmatch(r"[1-9]\d{0,2}w", value):
            raise ValueError(f"expected weeks such as 26w, found {value[:40]!r}")
        return int(value[:-1])
    return value


def _number(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,20})?", value):
        raise ValueError(f"expected a number such as 0.9, found {value[:40]!r}")
    return value


def _as_text(example: str, pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "examples": [example], "pattern": pattern})


def _from_to(least: float, most: float) -> WithJsonSchema:
    return WithJsonSchema({"type": "number", "minimum": least, "maximum": most})


def _whole_number(least: int, most: int) -> Any:
    schema = {"type": "integer", "minimum": least, "maximum": most}
    return Annotated[int, BeforeValidator(_whole), WithJsonSchema(schema)]


# For the document alone: the answers check what is allowed.
Horizon = _whole_number(1, MOST_HORIZON)
Threshold = _whole_number(0, MOST_THRESHOLD)
Window = _whole_number(1, MOST_HORIZON)
StayDays = _whole_number(1, MOST_STAY_DAYS)
Limit = _whole_number(1, MOST_ISSUES)
Share = Annotated[float, BeforeValidator(_number), _from_to(*SHARES)]
OurShare = Annotated[float, BeforeValidator(_number), _from_to(LEAST_SHARE, 100)]
Weeks = Annotated[
    int,
    BeforeValidator(_weeks),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,2}w$", "examples": ["26w"]}),
]
Day = Annotated[
    dt.date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})
]
_DAY_OR_MOMENT = WithJsonSchema(
    {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}
)
DayOf = Annotated[dt.date, BeforeValidator(_day_of), _DAY_OR_MOMENT]
Moment = Annotated[AsOf, BeforeValidator(_as_of), _DAY_OR_MOMENT]
Levels = Annotated[
    tuple[int, ...],
    BeforeValidator(_numbers),
    _as_text("50,80,95", pattern=f"^({_ANY_LEVEL})(,({_ANY_LEVEL}))*$"),
]
Periods = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    _as_text("next_7_days,calendar_year", pattern=f"^({_ANY_PERIOD})(,({_ANY_PERIOD}))*$"),
]
