"""Schemas of answers computed from a published forecast. New keys may appear; none disappears."""

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
    """Common fields of all answers about a published forecast."""

    issue_id: str
    model: str
    model_version: str
    origin: dt.date
    data_through: dt.date
    as_of: dt.datetime
    issued_at: dt.datetime
    first: dt.date = Field(alias="from", description="First day of the answer.")


class ForecastRow(DatedRow, Bounds):
    """One forecast day."""

    horizon_days: int
    median: int
    mean: float
    p_zero: float
    p_any: float
    likelihood: Likelihood
    note: str | None


class Forecast(Headed):
    """Forecast ranges of the coming days."""

    levels: list[int]
    rows: list[ForecastRow]


class TotalsRow(Span, Bounds):
    """One period: counted and simulated parts, the total's ranges, and the year before."""

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
    """Totals of periods."""

    levels: list[int]
    rows: list[TotalsRow]


class YearSoFarRow(DatedRow, Bounds):
    """The total from 1 January to a day; those of earlier years as `year_2025` and so on."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"patternProperties": {"^year_[0-9]{4}$": {"type": ["integer", "null"]}}},
    )
    value: int | None = Field(description="As published; null after the last figure.")
    median: int | None


class YearSoFar(Headed):
    """Totals since 1 January; `earlier` lists the other years, newest first."""

    levels: list[int]
    year: int
    earlier: list[int]
    rows: list[YearSoFarRow]


class ComparedTotal(TotalsRow):
    """One period of a past forecast, and the outcome once it is complete."""

    came: int | None


class ComparedForecast(Open):
    """A past forecast by one of its models."""

    issue_id: str
    kind: Literal["live", "hindcast"]
    made_on: dt.date = Field(description="For a hindcast, the last day of its figures.")
    model: str
    title: str
    totals: list[ComparedTotal]


class ComparisonRow(DatedRow):
    """One day of a past forecast, and the outcome."""

    issue_id: str
    model: str
    median: int
    lo80: int
    hi80: int
    came: int | None


class Comparison(OfSeries):
    """Past forecasts to compare, one after another in the rows."""

    forecasts: list[ComparedForecast]
    rows: list[ComparisonRow]


class ExceedanceRow(DatedRow):
    """One run of days, by its first and last day."""

    to: dt.date
    horizon_days: int
    p_above: float
    note: str | None


class Exceedance(Headed):
    """Probability of exceeding a threshold."""

    threshold: int
    window: int
    horizon: int
    our_share: float
    p_any: float
    rows: list[ExceedanceRow]


class CapacityRow(DatedRow, Bounds):
    """People present on one day, and the places needed."""

    horizon_days: int
    median: int
    mean: float
    places: int
    note: str | None


class Capacity(Headed):
    """People present at the same time."""

    stay_days: int
    share: float
    horizon: int
    our_share: float
    places_peak: int
    levels: list[int]
    rows: list[CapacityRow]


class QuietSummary(Open):
    """Summary of a number of days."""

    median: int
    mean: float
    lo80: int
    hi80: int


class QuietRow(Open):
    """Probability of this number of days."""

    days: int
    p_longest_run: float
    p_longest_run_at_least: float
    p_quiet_days: float
    p_quiet_days_at_least: float


class Quiet(Headed):
    """Length of quiet spells."""

    horizon: int
    longest_run: QuietSummary
    quiet_days: QuietSummary
    rows: list[QuietRow]


class Factors(Open):
    """The yearly mean and all `factors` add up to the mean."""

    yearly_mean: float
    season: float | None = None
    recent_level: float | None = None
    yesterday: float | None = None
    day_of_week: float | None = None
    weather: float | None = None
    other: float | None = None
    mean: float


class ExplanationRow(DatedRow, Factors):
    """One day, and its differences from the yearly mean."""

    horizon_days: int
    note: str | None


class ExplanationTotal(Factors):
    """Total of the first days."""

    days: int


class Explanation(Headed):
    """Drivers of the forecast."""

    method: str
    yearly_mean: float
    factors: list[str]
    rows: list[ExplanationRow]
    totals: list[ExplanationTotal]


class Causes(Open):
    """The earlier forecast and all `causes` add up to the new one."""

    before: float
    model: float | None = None
    revision: float | None = None
    weather: float | None = None
    new_figures: float | None = None
    after: float


class ChangesRow(DatedRow, Causes):
    """One day, and the causes of its change."""


class ChangesTotal(Causes):
    """Total of the first days."""

    days: int


class Changes(Headed):
    """Changes between two forecasts."""

    since: str
    since_issued_at: dt.datetime
    steps: int
    causes: list[str]
    rows: list[ChangesRow]
    totals: list[ChangesTotal]


class PanelRow(DatedRow, Bounds):
    """One day: its count, its forecast, or both."""

    actual: int | None
    median: int | None
    mean: float | None
    p_zero: float | None
    likelihood: Likelihood | None


class Panel(Headed):
    """Past figures and forecast days, one row a day."""

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
    """Age of the forecast and of the figures."""

    time: dt.datetime
    hours_since_issue: float
    days_since_figures: int
    fresh: int
    degraded: int
    page: str


class Age(Headed):
    """Age of the forecast and of the figures, in one row."""

    rows: list[AgeRow]


class Plain(Open):
    """The unchanged forecast, for comparison with a scenario."""

    rows: list[ForecastRow]
    totals: list[TotalsRow]


class Assumed(Open):
    """Assumptions of a scenario."""

    level_percent: float
    people_per_boat: float | None
    weather: dict[str, str]


class ScenarioAnswer(Headed):
    """A scenario and the unchanged forecast."""

    kind: Literal["scenario"]
    assumed: Assumed
    people_per_boat_forecast: float | None
    horizon: int
    levels: list[int]
    rows: list[ForecastRow]
    totals: list[TotalsRow]
    forecast: Plain
