"""Job requests: added by the web server, run by the scheduler."""

__all__ = [
    "JOBS",
    "JobRequest",
    "get_request",
    "update_request",
    "add_request",
    "get_next_open",
    "list_overdue",
    "period",
    "prune_requests",
]

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from service.core.database import insert
from service.core.tables import job_requests, runs

JOBS = ("ingest", "refit", "compare")
"""The jobs that can be requested."""
_PERIOD = "request "


@dataclass(frozen=True)
class JobRequest:
    """A request to run a job: ``waiting``, ``running``, ``done``, ``skipped`` or ``failed``."""

    request_id: int
    job: str
    asked_by: str
    asked_at: dt.datetime
    claimed_at: dt.datetime | None
    finished_at: dt.datetime | None
    outcome: str
    reason: str | None
    route: str = ""


def add_request(
    connection: sa.Connection, job: str, asked_by: str, now: dt.datetime, route: str = ""
) -> JobRequest:
    """Request `job` for `route`; return the pending request if there already is one."""
    row = {"route": route, "job": job, "asked_by": asked_by, "asked_at": now, "outcome": "waiting"}
    query = insert(connection, job_requests).values(row)
    query = query.on_conflict_do_update(
        index_elements=["route", "job"],
        index_where=sa.text("outcome = 'waiting'"),
        set_={"outcome": "waiting"},  # changes nothing, but returns the row
    )
    return _read(connection, query.returning(job_requests))[0]


def get_request(connection: sa.Connection, request_id: int) -> JobRequest | None:
    """Return the request `request_id`, or None."""
    query = sa.select(job_requests).where(job_requests.c.request_id == request_id)
    return next(iter(_read(connection, query)), None)


def get_next_open(connection: sa.Connection, jobs: Sequence[str] = JOBS) -> JobRequest | None:
    """Return the oldest request for one of `jobs` that has not ended and whose run is not running.

    Its run may be missing or stopped, or have ended without being recorded here.
    """
    c = job_requests.c
    named = sa.literal(_PERIOD) + sa.cast(c.request_id, sa.String)
    is_its_run = sa.and_(runs.c.route == c.route, runs.c.job == c.job, runs.c.period == named)
    query = (
        sa.select(job_requests)
        .outerjoin(runs, is_its_run)
        .where(c.job.in_(jobs), c.outcome.in_(("waiting", "running")))
        .where(runs.c.outcome.is_distinct_from("running"))
        .order_by(c.request_id)
        .limit(1)
    )
    return next(iter(_read(connection, query)), None)


def list_overdue(connection: sa.Connection, before: dt.datetime) -> list[JobRequest]:
    """Return the requests made before that moment that are still pending."""
    c = job_requests.c
    query = sa.select(job_requests).where(c.outcome == "waiting", c.asked_at < before)
    return _read(connection, query.order_by(c.request_id))


def _read(connection: sa.Connection, query: sa.Executable) -> list[JobRequest]:
    return [JobRequest(**row._mapping) for row in connection.execute(query)]


def period(request_id: int) -> str:
    """Return the period of the run that a request starts."""
    return f"{_PERIOD}{request_id}"


def update_request(
    connection: sa.Connection, request_id: int, outcome: str, **values: str | dt.datetime
) -> None:
    """Record the outcome of the request `request_id`, and the `values` of other columns."""
    query = job_requests.update().where(job_requests.c.request_id == request_id)
    connection.execute(query.values(outcome=outcome, **values))


def prune_requests(connection: sa.Connection, before: dt.datetime) -> int:
    """Delete requests that ended before that moment, except the newest, to keep ids unique."""
    c = job_requests.c
    newest = sa.select(sa.func.max(c.request_id)).scalar_subquery()
    old = sa.and_(c.finished_at < before, c.request_id < newest)
    return int(connection.execute(job_requests.delete().where(old)).rowcount)
