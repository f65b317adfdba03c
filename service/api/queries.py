"""Query parameters of each path; unknown ones are rejected by name."""

__all__ = [
    "AheadQuery",
    "BriefingQuery",
    "CapacityQuery",
    "ChanceQuery",
    "ChangesQuery",
    "ComparisonQuery",
    "ExceedanceQuery",
    "ExplanationQuery",
    "ForecastQuery",
    "IssueQuery",
    "IssuesQuery",
    "JobQuery",
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
    "refuse_unknown",
]

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.answers.bands import LEVELS
from service.answers.comparison import MOST_FORECASTS
from service.answers.errors import MOST_ISSUES, MOST_STAY_DAYS, MOST_THRESHOLD, SHARES
from service.answers.totals import PERIODS
from service.api import query_types
from service.api.errors import Problem

_LEVELS = Field(
    (50, 80, 95),
    description=f"Levels of the central ranges in per cent, from {', '.join(map(str, LEVELS))}.",
    json_schema_extra={"default": "50,80,95"},
)
_THRESHOLD = f"Arrivals to exceed, 0 to {MOST_THRESHOLD:,}. Default: the declared threshold."
_OUR_SHARE = Field(
    100, description="Your share of the arrivals in per cent; counts are rounded up."
)
_HORIZON = "Number of days from `from` on, at most to the end of the forecast: 400 days."
_AS_OF = Field(
    None,
    description="A date: figures for days up to it. An instant: what was known then. Not after "
    "today.",
)
_FROM = Field(
    None,
    alias="from",
    description="First day of the answer. Default: today; with `as_of`, the day after a date "
    "or the day of an instant in the time zone of the route; with the ID of an "
    "`issue`, the day after its figures.",
)
_MODEL = Field("champion", max_length=64, description="A model of the forecast, or `champion`.")


class NoQuery(BaseModel):
    """No query parameters; the base of all query models."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, data: dict[str, Any]) -> dict[str, Any]:
        refuse_unknown(cls, data, "query parameters")
        return data


def refuse_unknown(schema: type[BaseModel], data: Mapping[str, Any], what: str) -> None:
    """Raise `Problem` 400 if `data` has names that are not of `schema`: list those that are."""
    names = _names(schema)
    if unknown := [name for name in data if name not in names]:
        expected = f"only the {what} {', '.join(names)}" if names else f"no {what}"
        detail = f"expected {expected}, found {unknown[0][:40]!r}"
        raise Problem(400, detail, [{"name": unknown[0][:40], "detail": detail}])


@cache
def _names(schema: type[BaseModel]) -> list[str]:
    """Return the names of the fields, own ones first, then inherited ones."""
    annotations = schema.__annotations__
    fields = sorted(schema.model_fields.items(), key=lambda item: item[0] not in annotations)
    return [field.alias or name for name, field in fields]


class JobQuery(NoQuery):
    """The route of a job request."""

    route: str = Field("", max_length=32, description="An enabled route. Default: the first.")


class TableQuery(NoQuery):
    """Format of a table."""

    format: Literal["json", "csv", "records", "ndjson"] | None = Field(
        None,
        description="`json`, or only the rows: `csv`, `records` (a list) or `ndjson` (one per "
        "line). Default: as the Accept header asks.",
    )


class WhichQuery(TableQuery):
    """Choice of a published forecast."""

    issue: str = Field("latest", max_length=64, description="ID of an issue, or `latest`.")
    as_of: query_types.Moment | None = Field(
        None,
        description="The latest forecast at that instant, or at the end of that day; not after "
        "today. Not with `issue`.",
    )


class IssueQuery(WhichQuery):
    """Published forecast and model."""

    model: str = _MODEL


class AheadQuery(IssueQuery):
    """First day of the answer."""

    first: query_types.Day | None = _FROM


class QuietQuery(AheadQuery):
    """Horizon."""

    horizon: query_types.Horizon = Field(28, description=_HORIZON)


class ForecastQuery(AheadQuery):
    """Horizon and range levels."""

    horizon: query_types.Horizon = Field(28, description=_HORIZON)
    levels: query_types.Levels = _LEVELS
    format: Literal["json", "csv", "records", "ndjson", "hubverse"] | None = Field(  # type: ignore[assignment]
        None,
        description="`json`, or only the rows: `csv`, `records` (a list) or `ndjson` (one per "
        "line); or `hubverse`: 23 quantiles and 100 sample paths of each day after the figures as "
        "CSV. Default: as the Accept header asks.",
    )


class YearQuery(AheadQuery):
    """Range levels and published forecast."""

    levels: query_types.Levels = _LEVELS


class TotalsQuery(AheadQuery):
    """Periods and range levels."""

    periods: query_types.Periods | None = Field(
        None, description=f"Names of periods: {', '.join(PERIODS)}. Default: all."
    )
    first: query_types.Day | None = Field(
        None,
        alias="from",
        description="First day of the answer, as elsewhere; with `to`, of your own period.",
    )
    last: query_types.Day | None = Field(
        None, alias="to", description="Last day of your own period."
    )
    levels: query_types.Levels = _LEVELS

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.last and self.periods is not None:
            raise ValueError("expected `periods` or `to`, not both")
        return self


class SpanQuery(QuietQuery):
    """Horizon, as a number of days or as a last day for charts with a time range."""

    last: query_types.DayOf | None = Field(
        None,
        alias="to",
        description="Last day, instead of `horizon`, or the nearest day that can be answered.",
    )


class ExceedanceQuery(SpanQuery):
    """Threshold, window and horizon."""

    threshold: query_types.Threshold | None = Field(None, description=_THRESHOLD)
    window: query_types.Horizon = Field(
        1, description="Number of days in a row to add up, from 1 to the horizon."
    )
    our_share: query_types.OurShare = _OUR_SHARE


class CapacityQuery(SpanQuery):
    """Length of stay, certainty and horizon."""

    stay_days: query_types.StayDays = Field(
        4, description=f"Days that each person stays, from 1 to {MOST_STAY_DAYS}."
    )
    share: query_types.Share = Field(
        0.9, description="Probability that there are enough places, {} to {}.".format(*SHARES)
    )
    our_share: query_types.OurShare = _OUR_SHARE
    levels: query_types.Levels = _LEVELS


class ExplanationQuery(WhichQuery):
    """Published forecast and first day."""

    first: query_types.Day | None = _FROM


class ChangesQuery(WhichQuery):
    """Later and earlier forecast."""

    since: str | None = Field(
        None, max_length=64, description="ID of an earlier issue. Default: the one before."
    )


class ComparisonQuery(TableQuery):
    """Days and models of past forecasts."""

    days: query_types.Days | None = Field(
        None,
        description=f"Up to {MOST_FORECASTS} days: for each the latest forecast at its end, or a "
        "hindcast before the first forecast. Default: days 4 weeks apart.",
    )
    models: query_types.Models = Field(
        ("champion",),
        description="One model for all `days`, or one for each; `champion` is the published one.",
        json_schema_extra={"default": "champion"},
    )


class TrackRecordQuery(TableQuery):
    """Number of weeks, model, and live or replayed forecasts."""

    window: query_types.Weeks = Field(
        "26w",
        validate_default=True,
        description="Number of weeks up to the newest scored issue, such as 26w.",
    )
    model: str = _MODEL
    kind: str = Field(
        "live",
        description="`live`, or `hindcast`: past days forecast afterwards from the figures known "
        "then.",
        json_schema_extra={"enum": ["live", "hindcast"]},
    )


class ObservationsQuery(TableQuery):
    """First and last day, and when the figures were known."""

    first: query_types.Day | None = Field(None, alias="from", description="First day.")
    last: query_types.Day | None = Field(None, alias="to", description="Last day.")
    as_of: query_types.Moment | None = _AS_OF


class BriefingQuery(NoQuery):
    """Date of the briefing."""

    as_of: query_types.Moment | None = _AS_OF


class IssuesQuery(TableQuery):
    """Page."""

    limit: query_types.Limit = Field(100, description=f"Issues per page, from 1 to {MOST_ISSUES}.")
    after: str | None = Field(None, max_length=120, description="`next` of the previous page.")


class PanelQuery(IssueQuery):
    """Days; charts may give them as instants."""

    first: query_types.DayOf | None = Field(
        None,
        alias="from",
        description="First day. Default: the first of the last 60 days of figures.",
    )
    last: query_types.DayOf | None = Field(
        None, alias="to", description="Last day. Default: the 28th day from today."
    )


class ChanceQuery(SpanQuery):
    """Threshold, window and horizon."""

    threshold: query_types.Threshold | None = Field(None, description=_THRESHOLD)
    window: query_types.Horizon = Field(
        7, description="Number of days in a row to add up, from 1 to the horizon."
    )
    horizon: query_types.Horizon = Field(7, description=_HORIZON)
