"""The answers' shapes, for the OpenAPI document. New keys may appear; these stay."""

from __future__ import annotations

__all__ = [
    "Briefing",
    "Capacity",
    "Changes",
    "Exceedance",
    "Explanation",
    "Forecast",
    "ForecastRow",
    "Headed",
    "Health",
    "Open",
    "ProblemDetails",
    "Quiet",
    "Status",
    "Totals",
    "TotalsRow",
    "TrackRecord",
]

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

StatusName = Literal["fresh", "stale", "degraded"]


class Open(BaseModel):
    """Keys may be added."""

    model_config = ConfigDict(extra="allow")


class ReasonItem(Open):
    """Why the status is not ``fresh``."""

    name: str
    detail: str


class Headed(Open):
    """What every answer about an issue says first."""

    series_id: str
    unit: str
    issue_id: str
    model: str
    model_version: str
    origin: dt.date
    data_through: dt.date
    as_of: dt.datetime
    issued_at: dt.datetime
    first: dt.date = Field(alias="from", description="First day of what looks ahead.")
    status: StatusName
    reasons: list[ReasonItem]
    attribution: str


class ForecastRow(Open):
    """One day; further levels add their own ``lo`` and ``hi``."""

    time: dt.datetime
    date: dt.date
    horizon_days: int
    median: int
    mean: float
    p_zero: float
    lo50: int | None = None
    hi50: int | None = None
    lo80: int | None = None
    hi80: int | None = None
    lo95: int | None = None
    hi95: int | None = None
    note: str | None


class Forecast(Headed):
    """Bands of the coming days."""

    levels: list[int]
    rows: list[ForecastRow]


class TotalsRow(Open):
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


class ExceedanceRow(Open):
    """One run of days, by its first and last day."""

    time: dt.datetime
    date: dt.date
    to: dt.date
    horizon_days: int
    p_above: float
    note: str | None


class Exceedance(Headed):
    """How likely a threshold is passed."""

    threshold: int
    window: int
    horizon: int
    p_any: float
    rows: list[ExceedanceRow]


class CapacityRow(Open):
    """People present on one day, and the places that suffice."""

    time: dt.datetime
    date: dt.date
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


class ExplanationRow(Open):
    """One day: the yearly mean and each factor add up to the mean."""

    time: dt.datetime
    date: dt.date
    horizon_days: int
    yearly_mean: float
    mean: float
    note: str | None


class Explanation(Headed):
    """What drives the forecast."""

    method: str
    yearly_mean: float
    factors: list[str]
    rows: list[ExplanationRow]


class ChangesRow(Open):
    """One day: what was forecast before and each cause add up to what is now."""

    time: dt.datetime
    date: dt.date
    before: float
    after: float


class Changes(Headed):
    """What changed between two issues."""

    since: str
    since_issued_at: dt.datetime
    steps: int
    causes: list[str]
    rows: list[ChangesRow]


class TrackRecordRow(Open):
    """One lead or total: average scores, coverage with its uncertainty, skill."""

    measure: str
    n: int
    crps: float | None
    wis: float | None
    bias: float | None


class PastWeek(Open):
    """The 7-day total of one issue, and what came."""

    issue_id: str
    truth: int
    median: int
    lo80: int
    hi80: int
    crps: float


class TrackRecord(Open):
    """How good the published forecasts were."""

    series_id: str
    kind: str
    model: str
    window_weeks: int
    issues: int
    rows: list[TrackRecordRow]
    pit_histogram: list[int]
    weeks: list[PastWeek]
    worst: list[PastWeek]
    best: list[PastWeek]


class AgainstRow(Open):
    """The same span of an earlier year."""

    year: int
    value: int
    difference: int
    per_cent: float | None


class SpanItem(Open):
    """A sum, and the same span of every earlier year."""

    value: int
    against: list[AgainstRow]


class Briefing(Open):
    """Where things stand."""

    series_id: str
    unit: str
    as_of: str
    data_through: dt.date
    last_day: SpanItem
    last_7_days: SpanItem
    year_to_date: SpanItem
    sentence: str
    status: StatusName
    reasons: list[ReasonItem]


class AlarmItem(Open):
    """Something that a person should look at, and the numbers that it rests on."""

    name: str
    series_id: str | None
    detail: str
    since: dt.date
    numbers: dict[str, float | str]


class Status(Open):
    """How the service is."""

    status: StatusName
    reasons: list[ReasonItem]
    alarms: list[AlarmItem]
    now: dt.datetime
    scheduler_running: bool


class Health(Open):
    """Whether it is."""

    status: str


class ProblemDetails(Open):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
