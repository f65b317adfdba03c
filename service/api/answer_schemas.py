"""Shapes of the answers that are read off an issue. New keys may appear; these stay."""

from __future__ import annotations

__all__ = [
    "Age",
    "Capacity",
    "Chance",
    "Changes",
    "Comparison",
    "Exceedance",
    "Explanation",
    "Forecast",
    "Panel",
    "Quiet",
    "ScenarioAnswer",
    "Totals",
    "YearSoFar",
]

import datetime as dt
from typing import Literal

from pydantic import ConfigDict, Field

from service.answers.bands import Likelihood
from service.api.schemas import Bounds, DatedRow, OfSeries, Open, Span, Standing


class Headed(OfSeries, Standing):
    """What every answer about an issue says first."""

    issue_id: str
    model: str
    model_version: str
    origin: dt.date
    data_through: dt.date
    as_of: dt.datetime
    issued_at: dt.datetime
    first: dt.date = Field(alias="from", description="First day of what looks ahead.")


class ForecastRow(DatedRow, Bounds):
    """One day."""

    horizon_days: int
    median: int
    mean: float
    p_zero: float
    p_any: float
    likelihood: Likelihood
    note: str | None


class Forecast(Headed):
    """Bands of the coming days."""

    levels: list[int]
    rows: list[ForecastRow]


class TotalsRow(Span, Bounds):
    """One span: its known part, its simulated part, the bands of the sum, and a year earlier."""

    period: str
    known: int | None
    known_days: int
    simulated_days: int
    last_year: int | None
    simulated_median: int | None
    median: int | None
    mean: float | None
    note: str | None


class Totals(Headed):
    """Sums over spans of days."""

    levels: list[int]
    rows: list[TotalsRow]


class YearSoFarRow(DatedRow, Bounds):
    """The total from 1 January to a day; that of an earlier year as `year_2025`."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"patternProperties": {"^year_[0-9]{4}$": {"type": ["integer", "null"]}}},
    )
    value: int | None = Field(description="As published; null after the last figure.")
    median: int | None


class YearSoFar(Headed):
    """Totals since 1 January; `earlier` are the years beside it, newest first."""

    levels: list[int]
    year: int
    earlier: list[int]
    rows: list[YearSoFarRow]


class ComparedTotal(TotalsRow):
    """One span of a past forecast, and what arrived once all its days are published."""

    came: int | None


class ComparedForecast(Open):
    """A past forecast by one of its models."""

    issue_id: str
    kind: Literal["live", "hindcast"]
    made_on: dt.date = Field(description="Of a hindcast the last day of its figures.")
    model: str
    title: str
    totals: list[ComparedTotal]


class ComparisonRow(DatedRow):
    """One day of a past forecast, and what arrived."""

    issue_id: str
    model: str
    median: int
    lo80: int
    hi80: int
    came: int | None


class Comparison(OfSeries):
    """Past forecasts beside each other, one after another in the rows."""

    forecasts: list[ComparedForecast]
    rows: list[ComparisonRow]


class ExceedanceRow(DatedRow):
    """One run of days, by its first and last day."""

    to: dt.date
    horizon_days: int
    p_above: float
    note: str | None


class Exceedance(Headed):
    """How likely a threshold is passed."""

    threshold: int
    window: int
    horizon: int
    our_share: float
    p_any: float
    rows: list[ExceedanceRow]


class CapacityRow(DatedRow, Bounds):
    """People present on one day, and the places that suffice."""

    horizon_days: int
    median: int
    mean: float
    places: int
    note: str | None


class Capacity(Headed):
    """People present at once."""

    stay_days: int
    share: float
    horizon: int
    our_share: float
    places_peak: int
    levels: list[int]
    rows: list[CapacityRow]


class QuietSummary(Open):
    """A number of days, in short."""

    median: int
    mean: float
    lo80: int
    hi80: int


class QuietRow(Open):
    """How likely so many days are."""

    days: int
    p_longest_run: float
    p_longest_run_at_least: float
    p_quiet_days: float
    p_quiet_days_at_least: float


class Quiet(Headed):
    """How long it may stay quiet."""

    horizon: int
    longest_run: QuietSummary
    quiet_days: QuietSummary
    rows: list[QuietRow]


class Factors(Open):
    """The yearly mean and each of the `factors` add up to the mean."""

    yearly_mean: float
    season: float | None = None
    recent_level: float | None = None
    yesterday: float | None = None
    day_of_week: float | None = None
    weather: float | None = None
    other: float | None = None
    mean: float


class ExplanationRow(DatedRow, Factors):
    """One day, and what moves it away from the yearly mean."""

    horizon_days: int
    note: str | None


class ExplanationTotal(Factors):
    """The sum of the first days."""

    days: int


class Explanation(Headed):
    """What drives the forecast."""

    method: str
    yearly_mean: float
    factors: list[str]
    rows: list[ExplanationRow]
    totals: list[ExplanationTotal]


class Causes(Open):
    """What was forecast before and each of the `causes` add up to what is now."""

    before: float
    model: float | None = None
    revision: float | None = None
    weather: float | None = None
    new_figures: float | None = None
    after: float


class ChangesRow(DatedRow, Causes):
    """One day, and what changed it."""


class ChangesTotal(Causes):
    """The sum of the first days."""

    days: int


class Changes(Headed):
    """What changed between two issues."""

    since: str
    since_issued_at: dt.datetime
    steps: int
    causes: list[str]
    rows: list[ChangesRow]
    totals: list[ChangesTotal]


class PanelRow(DatedRow, Bounds):
    """One day: what was counted, what is forecast, or both."""

    actual: int | None
    median: int | None
    mean: float | None
    p_zero: float | None
    likelihood: Likelihood | None


class Panel(Headed):
    """Past figures and coming days, a row a day."""

    rows: list[PanelRow]


class ChanceRow(Open):
    """One probability."""

    time: dt.datetime
    value: float
    threshold: int
    window: int
    horizon: int


class Chance(Headed):
    """One probability, in one row."""

    rows: list[ChanceRow]


class AgeRow(Open):
    """How old issue and figures are."""

    time: dt.datetime
    hours_since_issue: float
    days_since_figures: int
    fresh: int
    degraded: int
    page: str


class Age(Headed):
    """How old issue and figures are, in one row."""

    rows: list[AgeRow]


class Plain(Open):
    """The forecast as it is, beside a scenario."""

    rows: list[ForecastRow]
    totals: list[TotalsRow]


class Assumed(Open):
    """What a scenario assumes."""

    level_percent: float
    people_per_boat: float | None
    weather: dict[str, str]


class ScenarioAnswer(Headed):
    """A scenario, and the unchanged forecast beside it."""

    kind: Literal["scenario"]
    assumed: Assumed
    people_per_boat_forecast: float | None
    horizon: int
    levels: list[int]
    rows: list[ForecastRow]
    totals: list[TotalsRow]
    forecast: Plain
