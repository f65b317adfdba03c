"""Job requests: added by the web server, claimed by the scheduler."""

from __future__ import annotations

__all__ = [
    "JOBS",
    "JobRequest",
    "claim",
    "find",
    "finish",
    "is_waiting",
    "leave",
    "overdue",
    "period",
    "prune",
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
_WITHOUT_RUN = dt.timedelta(minutes=1)


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


def leave(
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
    return JobRequest(**connection.execute(query.returning(job_requests)).one()._mapping)


def find(connection: sa.Connection, request_id: int) -> JobRequest | None:
    """Return the request `request_id`, or None."""
    query = sa.select(job_requests).where(job_requests.c.request_id == request_id)
    row = connection.execute(query).first()
    return JobRequest(**row._mapping) if row else None


def is_waiting(connection: sa.Connection, jobs: Sequence[str] = JOBS) -> bool:
    """Whether a request for one of `jobs` has not ended; a cheap read before any write."""
    c = job_requests.c
    query = sa.select(c.request_id).where(c.job.in_(jobs), c.outcome.in_(("waiting", "running")))
    return connection.execute(query.limit(1)).first() is not None


def overdue(connection: sa.Connection, before: dt.datetime) -> list[JobRequest]:
    """Return the requests made before that moment that are still pending."""
    c = job_requests.c
    query = sa.select(job_requests).where(c.outcome == "waiting", c.asked_at < before)
    return [JobRequest(**row._mapping) for row in connection.execute(query.order_by(c.request_id))]


def claim(
    connection: sa.Connection, now: dt.datetime, jobs: Sequence[str] = JOBS
) -> JobRequest | None:
    """Claim the oldest request for one of `jobs`; None if there is none or another process took it.

    A request whose run was stopped is pending again, as is one claimed a minute ago without a run:
    its process died in between. A request whose run has ended gets the same outcome, even if its
    process died before it could record it.
    """
    c = job_requests.c
    for ended in connection.execute(_ended()).all():
        finish(connection, ended.request_id, ended.outcome, ended.reason, now)
    connection.execute(
        job_requests.update()
        .where(c.outcome == "running", c.request_id.in_(_left_alone(now - _WITHOUT_RUN)))
        .values(outcome="waiting", claimed_at=None)
    )
    oldest = sa.select(sa.func.min(c.request_id)).where(c.outcome == "waiting", c.job.in_(jobs))
    taken = connection.execute(
        job_requests.update()
        .where(c.request_id == oldest.scalar_subquery(), c.outcome == "waiting")
        .values(outcome="running", claimed_at=now)
        .returning(job_requests)
    ).first()
    return JobRequest(**taken._mapping) if taken else None


def period(request_id: int) -> str:
    """Return the period of the run that a request starts."""
    return f"{_PERIOD}{request_id}"


def _left_alone(before: dt.datetime) -> sa.Select[tuple[int]]:
    """Oldest request of each route and job whose run was stopped or never started.

    Leaves out routes and jobs with a pending request.
    """
    c, other = job_requests.c, job_requests.alias("other")
    return (
        sa.select(sa.func.min(c.request_id))
        .outerjoin(runs, _is_its_run())
        .where(
            c.outcome == "running",
            sa.or_(
                runs.c.outcome == "stopped", sa.and_(runs.c.run_id.is_(None), c.claimed_at < before)
            ),
            ~sa.exists().where(
                other.c.job == c.job, other.c.route == c.route, other.c.outcome == "waiting"
            ),
        )
        .group_by(c.route, c.job)
    )


def _ended() -> sa.Select[tuple[int, str, str | None]]:
    """Requests marked as running whose run has ended."""
    r = runs.c
    return (
        sa.select(job_requests.c.request_id, r.outcome, r.reason)
        .join(runs, _is_its_run())
        .where(job_requests.c.outcome == "running", r.outcome.in_(("done", "skipped", "failed")))
    )


def _is_its_run() -> sa.ColumnElement[bool]:
    c = job_requests.c
    named = sa.literal(_PERIOD) + sa.cast(c.request_id, sa.String)
    return sa.and_(runs.c.route == c.route, runs.c.job == c.job, runs.c.period == named)


def finish(
    connection: sa.Connection, request_id: int, outcome: str, reason: str | None, now: dt.datetime
) -> None:
    """Record how the request `request_id` ended."""
    connection.execute(
        job_requests.update()
        .where(job_requests.c.request_id == request_id)
        .values(outcome=outcome, reason=reason, finished_at=now)
    )


def prune(connection: sa.Connection, before: dt.datetime) -> int:
    """Delete requests that ended before that moment, except the newest, to keep ids unique."""
    c = job_requests.c
    newest = sa.select(sa.func.max(c.request_id)).scalar_subquery()
    old = sa.and_(c.finished_at < before, c.request_id < newest)
    return int(connection.execute(job_requests.delete().where(old)).rowcount)
