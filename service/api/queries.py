"""Query parameters of each path; unknown ones are rejected by name."""

__all__ = [
    "BriefingQuery",
    "CapacityQuery",
    "ChanceQuery",
    "ChangesQuery",
    "ComparisonQuery",
    "Day",
    "ExceedanceQuery",
    "ExplanationQuery",
    "ForecastQuery",
    "IssueName",
    "IssuesQuery",
    "JobQuery",
    "ModelName",
    "Moment",
    "NoQuery",
    "ObservationsQuery",
    "PanelQuery",
    "QuietQuery",
    "SpanQuery",
    "TableQuery",
    "TotalsQuery",
    "TrackRecordQuery",
    "WhichQuery",
    "YearQuery",
]

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from service.answers.ahead import LEAST_SHARE, MOST_HORIZON
from service.answers.bands import LEVELS, Level
from service.answers.comparison import MOST_FORECASTS
from service.answers.errors import MOST_THRESHOLD, BadQuestion
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
_DayOf = Annotated[dt.date, _read(_MOMENT, _read_day_of), _DAY_OR_MOMENT]
Moment = Annotated[AsOf, _read(_MOMENT, _read_moment), _DAY_OR_MOMENT]
_Weeks = Annotated[
    int,
    _read("weeks from 1w to 520w", {f"{weeks}w": weeks for weeks in range(1, 521)}.__getitem__),
    _text("26w", "([1-9][0-9]?|[1-4][0-9]{2}|5[01][0-9]|520)w"),
]
_Days = Annotated[
    tuple[dt.date, ...],
    _read_list("dates such as 2024-10-18,2024-11-15", parse_date),
    _text("2024-10-18,2024-11-15", f"{_DATE}(,{_DATE}){{0,{MOST_FORECASTS - 1}}}"),
    Field(max_length=MOST_FORECASTS),
]
_Models = Annotated[
    tuple[str, ...],
    _read_list("names", str),
    _text("champion,climatology", "[a-z0-9_]+(,[a-z0-9_]+)*"),
]
_Periods = Annotated[
    tuple[str, ...], _some_of(PERIODS), _list_of(PERIODS, "next_7_days,calendar_year")
]
_Levels = Annotated[
    tuple[Level, ...],
    _some_of(LEVELS),
    _list_of(LEVELS, "50,80,95"),
    Field(
        description=f"Levels of the central ranges in per cent: {', '.join(map(str, LEVELS))}.",
        json_schema_extra={"default": "50,80,95"},
    ),
]
# `service.api.middleware` rejects control characters in parameters, the pattern those in bodies.
_Name = Annotated[str, Field(max_length=64, pattern=r"^[^\u0000-\u001f\u007f-\u009f]*$")]
IssueName = Annotated[_Name, Field(description="ID of an issue, or `latest`.")]
ModelName = Annotated[_Name, Field(description="A model of the forecast, or `champion`.")]
_FROM = "First day of the answer. Default: today; of a past issue, the day after its figures."
_From = Annotated[Day | None, Field(alias="from", description=_FROM)]
_AS_OF = "A date: figures or forecast at the end of it. An instant: what was known then."
_AsOf = Annotated[Moment | None, Field(description=_AS_OF)]
_DAYS = "Number of days from `from` on, at most 400."
_Horizon = Annotated[int, Field(ge=1, le=MOST_HORIZON, description=_DAYS)]
_WINDOW = "Number of days in a row to add up, at most the horizon."
_Window = Annotated[int, Field(ge=1, le=MOST_HORIZON, description=_WINDOW)]
_MORE_THAN = "Arrivals to exceed. Default: the declared threshold."
_Threshold = Annotated[int | None, Field(ge=0, le=MOST_THRESHOLD, description=_MORE_THAN)]
_YOURS = "Your share of the arrivals in per cent; counts are rounded up."
_OurShare = Annotated[float, Field(ge=LEAST_SHARE, le=100, multiple_of=0.01, description=_YOURS)]


class NoQuery(BaseModel):
    """No query parameters; the base of all query models."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Raise `BadQuestion` if `data` has an unknown name: list those that are known."""
        names = [field.alias or name for name, field in cls.model_fields.items()]
        if unknown := [name for name in data if name not in names]:
            expected = f"only {', '.join(names)}" if names else "no query parameters"
            raise BadQuestion(unknown[0][:40], f"expected {expected}")
        return data


class JobQuery(NoQuery):
    """The route of a job request."""

    route: _Name = Field("", description="An enabled route. Default: the first.")


class TableQuery(NoQuery):
    """Format of a table."""

    format: Literal["json", "csv", "records", "ndjson"] | None = Field(
        None,
        description="`json`, or only the rows: `csv`, `records` (a list) or `ndjson` (one per "
        "line). Default: as the Accept header asks.",
    )


class WhichQuery(TableQuery):
    """Choice of a published forecast."""

    issue: IssueName = "latest"
    as_of: _AsOf = None


class AheadQuery(WhichQuery):
    """Model and first day of the answer."""

    model: ModelName = "champion"
    first: _From = None


class QuietQuery(AheadQuery):
    """Horizon."""

    horizon: _Horizon = 28


class ForecastQuery(QuietQuery):
    """Horizon and range levels."""

    levels: _Levels = (50, 80, 95)
    format: Literal["json", "csv", "records", "ndjson", "hubverse"] | None = Field(  # type: ignore[assignment]
        None,
        description="As elsewhere, or `hubverse`: 23 quantiles and 100 sample paths of each day "
        "after the figures as CSV.",
    )


class YearQuery(AheadQuery):
    """Range levels and published forecast."""

    levels: _Levels = (50, 80, 95)


class TotalsQuery(AheadQuery):
    """Periods and range levels."""

    periods: _Periods | None = Field(
        None, description=f"Names of periods: {', '.join(PERIODS)}. Default: all."
    )
    last: Day | None = Field(
        None, alias="to", description="Last day of your own period, which starts at `from`."
    )
    levels: _Levels = (50, 80, 95)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.last and self.periods is not None:
            raise ValueError("expected `periods` or `to`, not both")
        return self


class SpanQuery(QuietQuery):
    """Horizon, as a number of days or as a last day for charts with a time range."""

    last: _DayOf | None = Field(
        None,
        alias="to",
        description="Last day, instead of `horizon`, or the nearest day that can be answered.",
    )


class ExceedanceQuery(SpanQuery):
    """Threshold, window and horizon."""

    threshold: _Threshold = None
    window: _Window = 1
    our_share: _OurShare = 100


class CapacityQuery(SpanQuery):
    """Length of stay, certainty and horizon."""

    stay_days: int = Field(4, ge=1, le=400, description="Days that each person stays.")
    share: float = Field(
        0.9, ge=0.5, le=0.999, description="Probability that there are enough places."
    )
    our_share: _OurShare = 100
    levels: _Levels = (50, 80, 95)


class ExplanationQuery(WhichQuery):
    """Published forecast and first day."""

    first: _From = None


class ChangesQuery(WhichQuery):
    """Later and earlier forecast."""

    since: _Name | None = Field(
        None, description="ID of an earlier issue. Default: the one before."
    )


class ComparisonQuery(TableQuery):
    """Days and models of past forecasts."""

    days: _Days | None = Field(
        None,
        description=f"Up to {MOST_FORECASTS} days: for each the latest forecast at its end, or a "
        "hindcast before the first forecast. Default: days 4 weeks apart.",
    )
    models: _Models = Field(
        ("champion",),
        description="One model for all `days`, or one for each; `champion` is the published one.",
        json_schema_extra={"default": "champion"},
    )


class TrackRecordQuery(TableQuery):
    """Number of weeks, model, and live or replayed forecasts."""

    window: _Weeks = Field(
        26,
        description="Number of weeks up to the newest scored issue, such as 26w.",
        json_schema_extra={"default": "26w"},
    )
    model: ModelName = "champion"
    kind: Literal["live", "hindcast"] = Field(
        "live",
        description="`live`, or `hindcast`: past days forecast afterwards from the figures known "
        "then.",
    )


class ObservationsQuery(TableQuery):
    """First and last day, and when the figures were known."""

    first: Day | None = Field(None, alias="from", description="First day.")
    last: Day | None = Field(None, alias="to", description="Last day.")
    as_of: _AsOf = None


class BriefingQuery(NoQuery):
    """Date of the briefing."""

    as_of: _AsOf = None


class IssuesQuery(TableQuery):
    """Page."""

    limit: int = Field(100, ge=1, le=500, description="Issues per page.")
    after: _Name | None = Field(None, description="`next` of the previous page.")


class PanelQuery(WhichQuery):
    """Model, and days; charts may give them as instants."""

    model: ModelName = "champion"
    begin: _DayOf | None = Field(
        None, alias="from", description="First day. Default: 60 days before the last figure."
    )
    end: _DayOf | None = Field(None, alias="to", description="Default: the 28th day from today.")


class ChanceQuery(SpanQuery):
    """Threshold, window and horizon."""

    threshold: _Threshold = None
    window: _Window = 7
    horizon: _Horizon = 7
