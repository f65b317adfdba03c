"""Health and status: liveness, readiness and the state of the service."""

__all__ = ["blueprint"]

import datetime as dt
from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from pydantic import Field

from service.answers import status as answers
from service.answers.errors import NotReady
from service.api.questions import question
from service.api.responses import loader
from service.api.schemas import Open, Standing, StatusName

blueprint = APIBlueprint(
    "health", __name__, tag={"name": "Service", "description": "Health and status."}
)


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
    weather: Annotated[StatusWeather, Field(description="Weather of the first route.")]
    scheduler_running: bool
    jobs: list[StatusJob]


class Health(Open):
    """A passed health check."""

    status: str


@question(blueprint, "/v1/status", Status, cache="max-age=0")
def status() -> dict[str, Any]:
    """Get data freshness, problems and job status."""
    return answers.status(loader())


@question(blueprint, "/livez", Health, cache="max-age=0")
def livez() -> dict[str, Any]:
    """Liveness check."""
    return {"status": "alive"}


@question(blueprint, "/readyz", Health, cache="max-age=0")
def readyz() -> dict[str, Any]:
    """Readiness check: database reachable and a forecast exists."""
    if answers.published_series(loader()) is None:
        raise NotReady
    return {"status": "ready"}
