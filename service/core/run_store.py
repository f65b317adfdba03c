"""Runs of jobs: claimed before the work, locked while running, ended with an outcome."""

__all__ = [
    "REQUESTABLE",
    "Claim",
    "Run",
    "claim_run",
    "close_dead",
    "list_dead",
    "list_ended",
    "get_run",
    "finish_run",
    "is_current",
    "get_latest_run",
    "get_next_request",
    "get_request",
    "list_overdue",
    "lock_name",
    "list_recent",
    "request_run",
]

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from service.core import locks
from service.core.database import insert
from service.core.tables import runs

REQUESTABLE = ("ingest", "refit", "compare")
"""The jobs that can be requested over HTTP."""
_CLAIMABLE = ("waiting", "stopped")  # after the last attempt it is failed
_MOST_ATTEMPTS = 3  # of a run whose process dies or is stopped
_RECENT = 20
_DIED = "its process died before it finished"


@dataclass(frozen=True)
class Claim:
    """A run that a process has claimed, for the `attempt`-th time.

    A process that lost its run to another has a lower number, and can neither publish nor finish.
    """

    run_id: int
    attempt: int


@dataclass(frozen=True)
class Run:
    """One run: ``running``, ``done``, ``skipped``, ``failed``, or ``stopped``: claimable again.

    A requested run is ``waiting`` until it is claimed; until then its start is that of the request.
    """

    run_id: int
    job: str
    period: str
    started_at: dt.datetime
    finished_at: dt.datetime | None
    outcome: str
    reason: str | None
    detail: dict[str, Any]
    attempt: int = 1
    route: str = ""
    asked_by: str | None = None
    asked_at: dt.datetime | None = None


def request_run(
    connection: sa.Connection, job: str, asked_by: str, now: dt.datetime, route: str = ""
) -> Run:
    """Request a run of `job` for `route`; return the waiting one if there already is one."""
    row = {"route": route, "job": job, "period": f"request {uuid.uuid4()}", "attempt": 0}
    row |= {"asked_by": asked_by, "asked_at": now, "started_at": now}
    query = insert(connection, runs).values(row | {"outcome": "waiting", "detail": {}})
    query = query.on_conflict_do_update(
        index_elements=["route", "job"],
        index_where=sa.text("outcome = 'waiting'"),
        set_={"outcome": "waiting"},  # changes nothing, but returns the row
    )
    return _read(connection, query.returning(runs))[0]


def get_request(connection: sa.Connection, run_id: int) -> Run | None:
    """Return the requested run `run_id`, or None."""
    query = sa.select(runs).where(runs.c.run_id == run_id, runs.c.asked_at.is_not(None))
    return next(iter(_read(connection, query)), None)


def get_next_request(connection: sa.Connection, jobs: Sequence[str]) -> Run | None:
    """Return the oldest requested run of `jobs` that can be claimed."""
    c = runs.c
    query = sa.select(runs).where(c.outcome.in_(_CLAIMABLE), c.asked_at.is_not(None))
    pending = _read(connection, query.order_by(c.run_id))
    return next((run for run in pending if run.job in jobs), None)


def list_overdue(connection: sa.Connection, before: dt.datetime) -> list[Run]:
    """Return the runs requested before that moment that are still waiting."""
    query = sa.select(runs).where(runs.c.outcome == "waiting", runs.c.asked_at < before)
    return _read(connection, query.order_by(runs.c.run_id))


def claim_run(
    connection: sa.Connection, job: str, period: str, now: dt.datetime, route: str = ""
) -> Claim | None:
    """Claim the run of `job` for `period` and `route`; None if already claimed or finished."""
    c = runs.c
    begun = {"started_at": now, "finished_at": None, "outcome": "running", "reason": None}
    new = {"route": route, "job": job, "period": period, "detail": {}, "attempt": 1}
    query = insert(connection, runs).values(new | begun)
    query = query.on_conflict_do_update(
        index_elements=[c.route, c.job, c.period],
        set_=begun | {"attempt": c.attempt + 1},
        where=c.outcome.in_(_CLAIMABLE),
    )
    row = connection.execute(query.returning(c.run_id, c.attempt)).first()
    return Claim(row.run_id, row.attempt) if row else None


def lock_name(run_id: int) -> str:
    """Return the name of the lock that a process holds during a run."""
    return f"run-{run_id}"


def is_current(connection: sa.Connection, claimed: Claim) -> bool:
    """Whether this claim still holds the run; locks it until the transaction ends."""
    query = sa.select(runs.c.run_id).where(_is_claim(claimed), runs.c.outcome == "running")
    return connection.execute(query.with_for_update()).first() is not None


def _is_claim(claimed: Claim) -> sa.ColumnElement[bool]:
    return sa.and_(runs.c.run_id == claimed.run_id, runs.c.attempt == claimed.attempt)


def finish_run(
    connection: sa.Connection,
    claimed: Claim,
    outcome: str,
    reason: str | None,
    detail: dict[str, Any],
    now: dt.datetime,
) -> bool:
    """Record how the run ended; False if another process has claimed it since.

    An ended run is not marked as stopped. A run stopped on its last attempt has failed.
    """
    query = runs.update().where(_is_claim(claimed))
    if outcome == "stopped":
        query = query.where(runs.c.outcome == "running")
        outcome = "failed" if claimed.attempt >= _MOST_ATTEMPTS else outcome
    ended = connection.execute(
        query.values(outcome=outcome, reason=reason, detail=detail, finished_at=now)
    )
    return bool(ended.rowcount)


def close_dead(connection: sa.Connection, now: dt.datetime) -> list[Run]:
    """Mark runs whose process has died as stopped, so that they can be claimed again.

    Only runs whose lock is free are closed; on its last attempt a run has failed.
    """
    closed = []
    for run in list_dead(connection):
        reason = f"{_DIED}, {run.attempt} times" if run.attempt >= _MOST_ATTEMPTS else _DIED
        if finish_run(connection, Claim(run.run_id, run.attempt), "stopped", reason, {}, now):
            closed.append(run)
    return closed


def list_dead(connection: sa.Connection) -> list[Run]:
    """Return the unfinished runs whose lock is free."""
    running = _read(connection, sa.select(runs).where(runs.c.outcome == "running"))
    return [run for run in running if not locks.is_held(connection, lock_name(run.run_id))]


def get_run(connection: sa.Connection, job: str, period: str, route: str = "") -> Run | None:
    """Return the run of `job` for `period` and `route`."""
    c = runs.c
    query = sa.select(runs).where(c.job == job, c.period == period, c.route == route)
    return next(iter(_read(connection, query)), None)


def get_latest_run(
    connection: sa.Connection, job: str, outcome: str | None = None, route: str | None = None
) -> Run | None:
    """Return the newest run of `job`, optionally with an `outcome` and of a `route`."""
    return next(iter(list_recent(connection, job, route, outcome)), None)


def list_recent(
    connection: sa.Connection, job: str, route: str | None = None, outcome: str | None = None
) -> list[Run]:
    """Return up to twenty runs of `job` that have begun, newest first, or with an `outcome`."""
    query = sa.select(runs).where(runs.c.job == job, runs.c.outcome != "waiting")
    query = query.order_by(runs.c.run_id.desc())
    if route is not None:
        query = query.where(runs.c.route == route)
    if outcome is not None:
        query = query.where(runs.c.outcome == outcome)
    rows = _read(connection, query.limit(_RECENT))
    # Ids follow the beginnings, whatever the clock says, but for runs that had a row before.
    had_rows = [run for run in rows if run.asked_at or run.attempt > 1]
    recent = [run for run in rows if run not in had_rows]
    for run in reversed(had_rows):
        earlier = (at for at, one in enumerate(recent) if one.started_at <= run.started_at)
        recent.insert(next(earlier, len(recent)), run)
    return recent


def _read(connection: sa.Connection, query: sa.Executable) -> list[Run]:
    return [Run(**row._mapping) for row in connection.execute(query)]


def list_ended(
    connection: sa.Connection, job: str, source: str | None = None, route: str | None = None
) -> list[Run]:
    """Return the recent runs of `job` that ended without being stopped, newest first.

    With `source`, only runs that read it.
    """
    return [
        run
        for run in list_recent(connection, job, route)
        if run.outcome not in ("running", "stopped")
        and (source is None or run.detail.get("source", source) == source)
    ]
