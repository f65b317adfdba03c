"""Query parameters of each path; unknown ones are rejected by name."""

__all__ = [
    "BriefingQuery",
    "CapacityQuery",
    "ChanceQuery",
    "ChangesQuery",
    "ComparisonQuery",
    "ExceedanceQuery",
    "ExplanationQuery",
    "ForecastQuery",
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
]

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.answers.comparison import MOST_FORECASTS
from service.answers.errors import BadQuestion
from service.answers.totals import PERIODS
from service.api import query_types


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

    route: query_types.Name = Field("", description="An enabled route. Default: the first.")


class TableQuery(NoQuery):
    """Format of a table."""

    format: Literal["json", "csv", "records", "ndjson"] | None = Field(
        None,
        description="`json`, or only the rows: `csv`, `records` (a list) or `ndjson` (one per "
        "line). Default: as the Accept header asks.",
    )


class WhichQuery(TableQuery):
    """Choice of a published forecast."""

    issue: query_types.IssueName = "latest"
    as_of: query_types.KnownAt = None


class AheadQuery(WhichQuery):
    """Model and first day of the answer."""

    model: query_types.ModelName = "champion"
    first: query_types.From = None


class QuietQuery(AheadQuery):
    """Horizon."""

    horizon: query_types.Horizon = 28


class ForecastQuery(QuietQuery):
    """Horizon and range levels."""

    levels: query_types.Levels = (50, 80, 95)
    format: Literal["json", "csv", "records", "ndjson", "hubverse"] | None = Field(  # type: ignore[assignment]
        None,
        description="As elsewhere, or `hubverse`: 23 quantiles and 100 sample paths of each day "
        "after the figures as CSV.",
    )


class YearQuery(AheadQuery):
    """Range levels and published forecast."""

    levels: query_types.Levels = (50, 80, 95)


class TotalsQuery(AheadQuery):
    """Periods and range levels."""

    periods: query_types.Periods | None = Field(
        None, description=f"Names of periods: {', '.join(PERIODS)}. Default: all."
    )
    last: query_types.Day | None = Field(
        None, alias="to", description="Last day of your own period, which starts at `from`."
    )
    levels: query_types.Levels = (50, 80, 95)

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

    threshold: query_types.Threshold = None
    window: query_types.Window = 1
    our_share: query_types.OurShare = 100


class CapacityQuery(SpanQuery):
    """Length of stay, certainty and horizon."""

    stay_days: int = Field(4, ge=1, le=400, description="Days that each person stays.")
    share: float = Field(
        0.9, ge=0.5, le=0.999, description="Probability that there are enough places."
    )
    our_share: query_types.OurShare = 100
    levels: query_types.Levels = (50, 80, 95)


class ExplanationQuery(WhichQuery):
    """Published forecast and first day."""

    first: query_types.From = None


class ChangesQuery(WhichQuery):
    """Later and earlier forecast."""

    since: query_types.Name | None = Field(
        None, description="ID of an earlier issue. Default: the one before."
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
        26,
        description="Number of weeks up to the newest scored issue, such as 26w.",
        json_schema_extra={"default": "26w"},
    )
    model: query_types.ModelName = "champion"
    kind: Literal["live", "hindcast"] = Field(
        "live",
        description="`live`, or `hindcast`: past days forecast afterwards from the figures known "
        "then.",
    )


class ObservationsQuery(TableQuery):
    """First and last day, and when the figures were known."""

    first: query_types.Day | None = Field(None, alias="from", description="First day.")
    last: query_types.Day | None = Field(None, alias="to", description="Last day.")
    as_of: query_types.KnownAt = None


class BriefingQuery(NoQuery):
    """Date of the briefing."""

    as_of: query_types.KnownAt = None


class IssuesQuery(TableQuery):
    """Page."""

    limit: int = Field(100, ge=1, le=500, description="Issues per page.")
    after: query_types.Name | None = Field(None, description="`next` of the previous page.")


class PanelQuery(WhichQuery):
    """Model, and days; charts may give them as instants."""

    model: query_types.ModelName = "champion"
    begin: query_types.DayOf | None = Field(
        None, alias="from", description="First day. Default: 60 days before the last figure."
    )
    end: query_types.DayOf | None = Field(
        None, alias="to", description="Default: the 28th day from today."
    )


class ChanceQuery(SpanQuery):
    """Threshold, window and horizon."""

    threshold: query_types.Threshold = None
    window: query_types.Window = 7
    horizon: query_types.Horizon = 7
