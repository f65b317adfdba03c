"""Schemas of answers about the service: status, jobs and errors. New keys may appear."""

from __future__ import annotations

__all__ = ["Health", "JobRequest", "ProblemDetails", "Status"]

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from service.api.schemas import Open, Standing, StatusName


class AlarmItem(Open):
    """A problem that needs attention, with the numbers behind it."""

    name: str
    series_id: str | None
    detail: str
    since: dt.date
    numbers: dict[str, float | str]


class StatusModel(Open):
    """A model of the latest forecast; a failed one has no role and version."""

    model: str
    title: str
    role: str | None
    version: str | None
    failure: str | None


class StatusSeries(Open):
    """The latest forecast of a series."""

    route: str
    series_id: str
    status: StatusName
    data_through: dt.date
    figures_age_days: int
    issue_id: str
    issued_at: dt.datetime
    champion: str
    models: list[StatusModel]


class StatusDocument(Open):
    """The latest document of a source."""

    route: str
    source: str
    data_through: dt.date
    published_at: dt.datetime | None
    read_at: dt.datetime


class StatusWeather(Open):
    """Whether weather is read, and up to which day."""

    status: Literal["read", "missing", "off"]
    detail: str
    read_at: dt.datetime | None
    through: dt.date | None


class StatusRoute(Open):
    """A route and its weather."""

    route: str
    title: str
    weather: StatusWeather


class StatusJob(Open):
    """The last run of a job."""

    route: str
    job: str
    last_started_at: dt.datetime | None
    last_outcome: str | None
    last_reason: str | None
    last_notes: list[str]
    last_success_at: dt.datetime | None


class Status(Standing):
    """State of the service."""

    alarms: list[AlarmItem]
    now: dt.datetime
    series: list[StatusSeries]
    documents: list[StatusDocument]
    routes: list[StatusRoute]
    weather: Annotated[StatusWeather, Field(description="That of the first route.")]
    scheduler_running: bool
    jobs: list[StatusJob]


class JobRequest(Open):
    """A requested job and its status."""

    request_id: int
    route: str
    job: str
    asked_by: str
    asked_at: dt.datetime
    claimed_at: dt.datetime | None
    finished_at: dt.datetime | None
    outcome: Literal["waiting", "running", "done", "skipped", "failed"]
    reason: str | None


class Health(Open):
    """A passed health check."""

    status: str


class ErrorItem(Open):
    """An invalid parameter."""

    name: str
    detail: str


class ProblemDetails(Open):
    """An error as RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[ErrorItem] = []
