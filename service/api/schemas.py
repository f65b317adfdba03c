"""Schemas of answers about figures, published forecasts and accuracy. New keys may appear."""

__all__ = [
    "Bounds",
    "Briefing",
    "Catalogue",
    "DatedRow",
    "IssueDetails",
    "IssueRow",
    "Issues",
    "Observations",
    "ObservationsRow",
    "Open",
    "ReasonItem",
    "Revisions",
    "RevisionsRow",
    "Span",
    "StatusName",
    "TrackRecord",
]

import datetime as dt
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.answers.bands import Likelihood


class StatusName(StrEnum):
    """Whether an answer can be relied on."""

    FRESH = "fresh"
    STALE = "stale"
    DEGRADED = "degraded"


class Open(BaseModel):
    """Base of all answers; keys may be added."""

    model_config = ConfigDict(extra="allow")


class DatedRow(Open):
    """One day, as a date and as an instant for charts."""

    time: dt.datetime
    date: dt.date


class Span(Open):
    """A period; both days are included."""

    first: dt.date = Field(alias="from", description="First day.")
    last: dt.date = Field(alias="to", description="Last day.")


class Bounds(Open):
    """Bounds of the central ranges at the requested levels."""

    lo50: int | None = None
    hi50: int | None = None
    lo80: int | None = None
    hi80: int | None = None
    lo90: int | None = None
    hi90: int | None = None
    lo95: int | None = None
    hi95: int | None = None
    lo99: int | None = None
    hi99: int | None = None


class ReasonItem(Open):
    """Why the status is not ``fresh``."""

    name: str
    detail: str


class Standing(Open):
    """Whether an answer can be relied on, and if not, why."""

    status: StatusName
    reasons: list[ReasonItem]


class OfSeries(Open):
    """The series, and the attribution of its figures."""

    series_id: str
    unit: str
    attribution: str


class CatalogueRow(Standing):
    """A series."""

    route: str
    series_id: str
    title: str
    unit: str
    frequency: Literal["daily", "weekly"]
    is_forecast: bool
    data_from: dt.date | None
    data_through: dt.date | None
    latest_issue: str | None
    attribution: str
    licence: str


class Catalogue(Open):
    """The available series."""

    attribution: str
    rows: list[CatalogueRow]


class ObservationsRow(DatedRow):
    """One published figure."""

    value: int
    source: str
    known_at: dt.datetime


class Observations(OfSeries, Standing):
    """The published figures."""

    rows: list[ObservationsRow]


class RevisionsRow(DatedRow):
    """A revised figure."""

    value_before: int
    value: int
    source_before: str
    source: str
    known_at: dt.datetime
    marked_revised: bool
    ruled: bool


class Revisions(OfSeries, Standing):
    """Every revision in order of publication; `count` excludes overruled ones."""

    count: int
    rows: list[RevisionsRow]


class IssueRow(Open):
    """Summary of one published forecast."""

    issue_id: str
    time: dt.datetime
    issued_at: dt.datetime
    data_through: dt.date
    origin: dt.date
    as_of: dt.datetime
    champion: str
    n_paths: int
    horizon_days: int


class Issues(OfSeries):
    """Published forecasts, newest first; `next` is null on the last page."""

    next: str | None
    rows: list[IssueRow]


class ModelItem(Open):
    """A model of a published forecast."""

    model: str
    title: str
    role: str
    version: str


class FailureItem(Open):
    """A model that could not be fitted or simulated, and the reason."""

    model: str
    reason: str


class IssueWeather(Open):
    """Weather used by a published forecast."""

    status: Literal["used", "missing", "off"]
    reason: str
    models: list[str] = Field(default=[], description="The models that used it.")


class IssueDetails(IssueRow, OfSeries):
    """One published forecast; it never changes."""

    kind: str
    seed: int
    inputs_hash: str
    models: list[ModelItem]
    failures: list[FailureItem]
    weather: IssueWeather | None = None


class TrackRecordRow(Open):
    """One lead or total: average scores, coverage with its 95% interval, skill."""

    measure: str
    n: int
    crps: float | None
    wis: float | None
    bias: float | None
    coverage_n: int
    coverage50: float | None
    coverage50_lo: float | None
    coverage50_hi: float | None
    coverage80: float | None
    coverage80_lo: float | None
    coverage80_hi: float | None
    coverage95: float | None
    coverage95_lo: float | None
    coverage95_hi: float | None
    skill_seasonal_naive: float | None
    skill_seasonal_naive_lo: float | None
    skill_seasonal_naive_hi: float | None
    skill_climatology: float | None
    skill_climatology_lo: float | None
    skill_climatology_hi: float | None


class LikelihoodRow(Open):
    """A likelihood class at one lead: how often there were arrivals."""

    measure: str
    likelihood: Likelihood
    days: int
    arrived: int
    share: float | None
    share_lo: float | None
    share_hi: float | None


class PastWeek(Span):
    """The 7-day total of one forecast, and the outcome."""

    issue_id: str
    model: str
    truth: int
    median: int
    lo80: int
    hi80: int
    lo95: int
    hi95: int
    crps: float


class WarningRecord(Open):
    """Number of early warnings sent by email, and how many came true."""

    warnings: int
    over: int = Field(description="Those whose days all have figures.")
    followed: int = Field(description="Those of `over` that were followed by such a day or week.")
    expected: float = Field(description="The sum of the chances that those of `over` gave.")
    sentence: str = Field(description="The same in words; empty while `over` is 0.")


class TrackRecord(OfSeries):
    """Accuracy of past forecasts."""

    kind: str
    model: str
    window_weeks: int
    first: dt.date | None = Field(alias="from", description="Origin of the first issue.")
    last: dt.date | None = Field(alias="to", description="Origin of the last issue.")
    issues: int
    rows: list[TrackRecordRow]
    likelihood: list[LikelihoodRow]
    pit_histogram: list[int]
    weeks: list[PastWeek]
    worst: list[PastWeek]
    best: list[PastWeek]
    early_warnings: WarningRecord | None


class AgainstRow(Open):
    """The same period of an earlier year."""

    year: int
    value: int
    difference: int
    per_cent: float | None


class SpanItem(Span):
    """A total, and that of the same period in every earlier year."""

    value: int
    against: list[AgainstRow]
    beside: dict[str, int] = Field(default={}, description="The other series on the last day.")


class Briefing(OfSeries, Standing):
    """Recent arrivals compared with earlier years."""

    as_of: str
    data_through: dt.date
    last_day: SpanItem
    last_7_days: SpanItem
    year_to_date: SpanItem
    sentence: str
