"""Types of query parameters: how they are parsed and documented."""

__all__ = [
    "DATE",
    "Day",
    "DayOf",
    "Days",
    "Horizon",
    "Levels",
    "Limit",
    "Models",
    "Moment",
    "OurShare",
    "Periods",
    "Share",
    "StayDays",
    "Threshold",
    "Weeks",
]

import datetime as dt
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from service.answers.ahead import LEAST_SHARE, MOST_HORIZON
from service.answers.bands import LEVELS
from service.answers.comparison import MOST_FORECASTS
from service.answers.errors import MOST_ISSUES, MOST_STAY_DAYS, MOST_THRESHOLD, SHARES
from service.answers.totals import PERIODS
from service.api.representation import loader
from service.data.observation_store import AsOf

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")  # ISO 8601 allows other forms
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _written(expected: str, read: Callable[[str], Any], pattern: str = ".*") -> BeforeValidator:
    """Parse text that matches `pattern`, or say what was `expected`."""

    def validate(value: Any) -> Any:
        try:
            if isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL):
                return read(value)
        except (ValueError, OverflowError):  # an invalid or extreme date
            pass
        raise ValueError(f"expected {expected}, found {str(value)[:40]!r}")

    return BeforeValidator(validate)


def _read_moment(text: str) -> AsOf:
    if DATE.fullmatch(text):
        return dt.date.fromisoformat(text)
    text = text.replace(" ", "+")  # an unescaped "+" arrives as a space
    if not _INSTANT.fullmatch(text):
        raise ValueError
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


def _read_day_of(text: str) -> dt.date:
    """Parse a date, or the day of an instant, which charts send."""
    moment = _read_moment(text)
    return loader().route.day(moment) if isinstance(moment, dt.datetime) else moment


def _text(example: str, pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "examples": [example], "pattern": f"^{pattern}$"})


def _list_of(names: tuple[Any, ...], example: str) -> WithJsonSchema:
    one = "|".join(map(str, names))
    return _text(example, f"({one})(,({one}))*")


# The bounds are documentation only; the answers check the values.
def _whole_number(least: int, most: int) -> Any:
    schema = {"type": "integer", "minimum": least, "maximum": most}
    read = _written("a whole number such as 28", int, r"-?[0-9]{1,20}")
    return Annotated[int, read, WithJsonSchema(schema)]


def _number(least: float, most: float, example: float) -> Any:
    schema = {"type": "number", "minimum": least, "maximum": most}
    read = _written(f"a number such as {example}", float, r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
    return Annotated[float, read, WithJsonSchema(schema)]


def _each(read: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    return lambda text: tuple(map(read, text.split(",")))


_DATE = {"type": "string", "format": "date"}
_DAY_OR_MOMENT = WithJsonSchema(  # named twice, as the viewer reads no type from a choice
    {"type": "string", "anyOf": [_DATE, {"type": "string", "format": "date-time"}]}
)
_MOMENT = "2024-10-18 or 2024-10-18T14:00:00Z"

Horizon = _whole_number(1, MOST_HORIZON)
Threshold = _whole_number(0, MOST_THRESHOLD)
StayDays = _whole_number(1, MOST_STAY_DAYS)
Limit = _whole_number(1, MOST_ISSUES)
Share = _number(*SHARES, example=0.9)
OurShare = _number(LEAST_SHARE, 100, example=12.5)
Day = Annotated[
    dt.date,
    _written("a date such as 2024-10-18", dt.date.fromisoformat, DATE.pattern),
    WithJsonSchema(_DATE),
]
Days = Annotated[
    tuple[dt.date, ...],
    _written(
        "dates such as 2024-10-18,2024-11-15",
        _each(dt.date.fromisoformat),
        f"{DATE.pattern}(,{DATE.pattern})*",
    ),
    _text("2024-10-18,2024-11-15", rf"{DATE.pattern}(,{DATE.pattern}){{0,{MOST_FORECASTS - 1}}}"),
]
DayOf = Annotated[dt.date, _written(_MOMENT, _read_day_of), _DAY_OR_MOMENT]
Moment = Annotated[AsOf, _written(_MOMENT, _read_moment), _DAY_OR_MOMENT]
Weeks = Annotated[
    int,
    _written("weeks such as 26w", lambda text: int(text[:-1]), r"[1-9]\d{0,2}w"),
    _text("26w", "[1-9][0-9]{0,2}w"),
]
Levels = Annotated[
    tuple[int, ...],
    _written("numbers such as 50,80,95", _each(int), r"[0-9]{1,3}(,[0-9]{1,3})*"),
    _list_of(LEVELS, "50,80,95"),
]
_NAMES = _written("names", _each(str))
Models = Annotated[
    tuple[str, ...], _NAMES, _text("champion,climatology", "[a-z0-9_]+(,[a-z0-9_]+)*")
]
Periods = Annotated[tuple[str, ...], _NAMES, _list_of(PERIODS, "next_7_days,calendar_year")]
