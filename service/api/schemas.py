"""Shapes of all other answers: figures, issues, their record, jobs, errors. New keys may appear."""

from __future__ import annotations

__all__ = [
    "Briefing",
    "Catalogue",
    "DatedRow",
    "Health",
    "IssueDetails",
    "Issues",
    "JobRequest",
    "Observations",
    "Open",
    "ProblemDetails",
    "ReasonItem",
    "Revisions",
    "Status",
    "StatusName",
    "TrackRecord",
]

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict

from service.answers.likelihood import Likelihood

StatusName = Literal["fresh", "stale", "degraded"]


class Open(BaseModel):
    """Keys may be added."""

    model_config = ConfigDict(extra="allow")


class DatedRow(Open):
    """One day, as a date and as the instant that charts draw it at."""

    time: dt.datetime
    date: dt.date


class ReasonItem(Open):
    """Why the status is not ``fresh``."""

    name: str
    detail: str


class CatalogueRow(Open):
    """A series."""

    series_id: str
    title: str
    unit: str
    frequency: Literal["daily", "weekly"]
    is_forecast: bool
    data_from: dt.date | None
    data_through: dt.date | None
    latest_issue: str | None
    status: StatusName
    reasons: list[ReasonItem]


class Catalogue(Open):
    """The series that are served."""

    rows: list[CatalogueRow]


class ObservationsRow(DatedRow):
    """One published figure."""

    value: int
    source: str
    known_at: dt.datetime


class Observations(Open):
    """The published figures."""

    series_id: str
    unit: str
    status: StatusName
    reasons: list[ReasonItem]
    attribution: str
    rows: list[ObservationsRow]


class RevisionsRow(DatedRow):
    """A figure that was published anew with another value."""

    value_before: int
    value: int
    source_before: str
    source: str
    known_at: dt.datetime
    marked_revised: bool
    ruled: bool


class Revisions(Open):
    """Every revision, in the order of publication; `count` is of those that ruled."""

    series_id: str
    count: int
    rows: list[RevisionsRow]


class IssueRow(Open):
    """One issue, in short."""

    issue_id: str
    time: dt.datetime
    issued_at: dt.datetime
    data_through: dt.date
    origin: dt.date
    as_of: dt.datetime
    champion: str
    n_paths: int
    horizon_days: int


class Issues(Open):
    """Issues, newest first; `next` is null on the last page."""

    series_id: str
    unit: str
    attribution: str
    next: str | None
    rows: list[IssueRow]


class ModelItem(Open):
    """A model of an issue."""

    model: str
    title: str
    role: str
    version: str


class IssueWeather(Open):
    """What an issue was given of the weather, where it was wanted."""

    status: Literal["used", "missing", "off"]
    reason: str


class IssueDetails(IssueRow):
    """One issue; it never changes."""

    series_id: str
    unit: str
    kind: str
    seed: int
    inputs_hash: str
    models: list[ModelItem]
    weather: IssueWeather | None = None
    attribution: str


class TrackRecordRow(Open):
    """One lead or total: average scores, coverage with its uncertainty, skill."""

    measure: str
    n: int
    crps: float | None
    wis: float | None
    bias: float | None


class LikelihoodRow(Open):
    """One class of days so many days ahead, and how often any arrived on them."""

    measure: str
    likelihood: Likelihood
    days: int
    arrived: int
    share: float | None
    share_lo: float | None
    share_hi: float | None


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
    likelihood: list[LikelihoodRow]
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


class JobRequest(Open):
    """Work that was asked for, and how far it is."""

    request_id: int
    job: str
    asked_by: str
    asked_at: dt.datetime
    claimed_at: dt.datetime | None
    finished_at: dt.datetime | None
    outcome: Literal["waiting", "running", "done", "skipped", "failed"]
    reason: str | None


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
