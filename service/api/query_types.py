"""Types of query parameters: how each is read, and what the API document says of it."""

__all__ = [
    "Day",
    "DayOf",
    "Days",
    "From",
    "Horizon",
    "IssueName",
    "KnownAt",
    "Levels",
    "ModelName",
    "Models",
    "Moment",
    "Name",
    "OurShare",
    "Periods",
    "Threshold",
    "To",
    "Weeks",
    "Window",
]

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from service.answers.ahead import LEAST_SHARE, MOST_HORIZON
from service.answers.bands import LEVELS, Level
from service.answers.comparison import MOST_FORECASTS
from service.answers.errors import MOST_THRESHOLD
from service.answers.totals import PERIODS
from service.api.responses import loader
from service.core.clock import parse_date
from service.data.observation_store import AsOf

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DAY = WithJsonSchema({"type": "string", "format": "date"})
_EITHER = [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]
_DAY_OR_MOMENT = WithJsonSchema({"type": "string", "anyOf": _EITHER})
_MOMENT = "2024-10-18 or 2024-10-18T14:00:00Z"


def _read(expected: str, read: Callable[[str], Any]) -> BeforeValidator:
    """Parse text, or say what was `expected`."""

    def validate(value: Any) -> Any:
        try:
            if isinstance(value, str):
                return read(value)
        except (ValueError, LookupError, OverflowError):  # an invalid or extreme date
            pass
        raise ValueError(f"expected {expected}, found {str(value)[:40]!r}")

    return BeforeValidator(validate)


def _read_list(expected: str, read: Callable[[str], Any]) -> BeforeValidator:
    return _read(expected, lambda text: tuple(map(read, text.split(","))))


def _text(example: str, pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "examples": [example], "pattern": f"^{pattern}$"})


def _some_of(names: tuple[Any, ...]) -> BeforeValidator:
    """Parse a list of some of `names`, each once."""
    by_text = {str(name): name for name in names}

    def read(text: str) -> tuple[Any, ...]:
        left = dict(by_text)  # each is taken once
        return tuple(left.pop(name) for name in text.split(","))

    return _read(f"some of {', '.join(by_text)}, each once", read)


def _list_of(names: tuple[Any, ...], example: str) -> WithJsonSchema:
    return _text(example, "({0})(,({0}))*".format("|".join(map(str, names))))


def _read_moment(text: str) -> AsOf:
    if text == str(day := parse_date(text[:10])):
        return day
    moment = dt.datetime.fromisoformat(text.replace(" ", "+"))  # an unescaped "+" is a space
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(dt.UTC)


def _read_day_of(text: str) -> dt.date:
    """Parse a date, or the day of an instant, which charts send."""
    moment = _read_moment(text)
    return loader().route.day(moment) if isinstance(moment, dt.datetime) else moment


Day = Annotated[dt.date, _read("a date such as 2024-10-18", parse_date), _DAY]
DayOf = Annotated[dt.date, _read(_MOMENT, _read_day_of), _DAY_OR_MOMENT]
Moment = Annotated[AsOf, _read(_MOMENT, _read_moment), _DAY_OR_MOMENT]
Weeks = Annotated[
    int,
    _read("weeks from 1w to 520w", {f"{weeks}w": weeks for weeks in range(1, 521)}.__getitem__),
    _text("26w", "([1-9][0-9]?|[1-4][0-9]{2}|5[01][0-9]|520)w"),
    Field(
        description="Number of weeks up to the newest scored issue, such as 26w.",
        json_schema_extra={"default": "26w"},
    ),
]
_Days = Annotated[
    tuple[dt.date, ...],
    _read_list("dates such as 2024-10-18,2024-11-15", parse_date),
    _text("2024-10-18,2024-11-15", f"{_DATE}(,{_DATE}){{0,{MOST_FORECASTS - 1}}}"),
    Field(max_length=MOST_FORECASTS),
]
_DAYS = (
    f"Up to {MOST_FORECASTS} days: for each the latest forecast at its end, or a hindcast before "
    "the first forecast. Default: days 4 weeks apart."
)
Days = Annotated[_Days | None, Field(description=_DAYS)]
Models = Annotated[
    tuple[str, ...],
    _read_list("names", str),
    _text("champion,climatology", "[a-z0-9_]+(,[a-z0-9_]+)*"),
    Field(
        description="One model for all `days`, or one for each; `champion` is the published one.",
        json_schema_extra={"default": "champion"},
    ),
]
_Periods = Annotated[
    tuple[str, ...], _some_of(PERIODS), _list_of(PERIODS, "next_7_days,calendar_year")
]
_PERIODS = f"Names of periods: {', '.join(PERIODS)}. Default: all."
Periods = Annotated[_Periods | None, Field(description=_PERIODS)]
Levels = Annotated[
    tuple[Level, ...],
    _some_of(LEVELS),
    _list_of(LEVELS, "50,80,95"),
    Field(
        description=f"Levels of the central ranges in per cent: {', '.join(map(str, LEVELS))}.",
        json_schema_extra={"default": "50,80,95"},
    ),
]
# `service.api.middleware` rejects control characters in parameters, the pattern those in bodies.
Name = Annotated[str, Field(max_length=64, pattern=r"^[^\u0000-\u001f\u007f-\u009f]*$")]
IssueName = Annotated[Name, Field(description="ID of an issue, or `latest`.")]
ModelName = Annotated[Name, Field(description="A model of the forecast, or `champion`.")]
_FROM = "First day of the answer. Default: today; of a past issue, the day after its figures."
From = Annotated[Day | None, Field(alias="from", description=_FROM)]
_TO = "Last day, instead of `horizon`, or the nearest day that can be answered."
To = Annotated[DayOf | None, Field(alias="to", description=_TO)]
_AS_OF = "A date: figures or forecast at the end of it. An instant: what was known then."
KnownAt = Annotated[Moment | None, Field(description=_AS_OF)]
_HORIZON = "Number of days from `from` on, at most 400."
Horizon = Annotated[int, Field(ge=1, le=MOST_HORIZON, description=_HORIZON)]
_WINDOW = "Number of days in a row to add up, at most the horizon."
Window = Annotated[int, Field(ge=1, le=MOST_HORIZON, description=_WINDOW)]
_MORE_THAN = "Arrivals to exceed. Default: the declared threshold."
Threshold = Annotated[int | None, Field(ge=0, le=MOST_THRESHOLD, description=_MORE_THAN)]
_YOURS = "Your share of the arrivals in per cent; counts are rounded up."
OurShare = Annotated[float, Field(ge=LEAST_SHARE, le=100, multiple_of=0.01, description=_YOURS)]
