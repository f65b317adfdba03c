"""The runs of jobs: claimed before any work, alive while it lasts, ended with an outcome."""

from __future__ import annotations

__all__ = [
    "BEATS_MISSED",
    "MOST_ATTEMPTS",
    "Run",
    "beat",
    "claim",
    "close",
    "ended",
    "find",
    "finish",
    "holds",
    "latest",
    "liveliest",
    "prune",
    "recent",
    "under_way",
]

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from service.store import vitals
from service.store.tables import issues, runs

MOST_ATTEMPTS = 3
"""How often a run is begun whose process dies or is stopped before it is done."""

BEATS_MISSED = 6
"""Heartbeats that a run may miss before its process counts as dead."""

_RECENT = 20
_DIED = "the process that had it died before it was done"


@dataclass(frozen=True)
class Run:
    """One run of a job.

    Attributes
    ----------
    outcome : str
        ``running``, ``done``, ``skipped``, ``failed`` or ``stopped``; one that was stopped may be
        claimed again.
    owner : str
        The process that has it.
    heartbeat_at : datetime | None
        When that process last said that it lives, by its own clock.
    attempt : int
        How often it was begun.
    """

    run_id: int
    job: str
    period: str
    started_at: dt.datetime
    finished_at: dt.datetime | None
    outcome: str
    reason: str | None
    detail: dict[str, Any]
    owner: str = ""
    heartbeat_at: dt.datetime | None = None
    attempt: int = 1


def claim(
    connection: sa.Connection, job: str, period: str, now: dt.datetime, owner: str = ""
) -> int | None:
    """Claim the run of `job` for `period`; None when somebody has it, or had it to its end."""
    try:
        with connection.begin_nested():
            result = connection.execute(
                runs.insert().values(
                    job=job,
                    period=period,
                    started_at=now,
                    outcome="running",
                    detail={},
                    owner=owner,
                    heartbeat_at=now,
                    attempt=1,
                )
            )
    except sa.exc.IntegrityError:
        return _claim_again(connection, job, period, now, owner)
    key = result.inserted_primary_key
    assert key is not None  # a single row always has one
    return int(key[0])


def _claim_again(
    connection: sa.Connection, job: str, period: str, now: dt.datetime, owner: str
) -> int | None:
    c = runs.c
    this = sa.and_(c.job == job, c.period == period)
    taken = connection.execute(
        runs.update()
        .where(this, c.outcome == "stopped", c.attempt < MOST_ATTEMPTS)
        .values(
            started_at=now,
            finished_at=None,
            outcome="running",
            reason=None,
            owner=owner,
            heartbeat_at=now,
            attempt=c.attempt + 1,
        )
    )
    if not taken.rowcount:
        return None
    return int(connection.execute(sa.select(c.run_id).where(this)).scalar_one())


def beat(connection: sa.Connection, run_id: int, owner: str, now: dt.datetime) -> None:
    """Say that the process that has the run lives."""
    c = runs.c
    connection.execute(
        runs.update()
        .where(c.run_id == run_id, c.owner == owner, c.outcome == "running")
        .values(heartbeat_at=now)
    )


def holds(connection: sa.Connection, run_id: int, owner: str) -> bool:
    """Whether the run is still the owner's; until the transaction ends nobody can take it."""
    c = runs.c
    query = sa.select(c.run_id).where(
        c.run_id == run_id, c.owner == owner, c.outcome.in_(("running", "stopped"))
    )
    return connection.execute(query.with_for_update()).first() is not None


def finish(
    connection: sa.Connection,
    run_id: int,
    outcome: str,
    reason: str | None,
    detail: dict[str, Any],
    now: dt.datetime,
    owner: str | None = None,
) -> bool:
    """Record how the run ended; False when another process has taken it over.

    Whoever stops a process knows less than the run itself: what has ended is not stopped. One that
    was stopped as often as it may be begun has failed.
    """
    query = runs.update().where(runs.c.run_id == run_id)
    ends: Any = outcome
    if outcome == "stopped":
        ends = sa.case((runs.c.attempt >= MOST_ATTEMPTS, "failed"), else_=outcome)
    if owner is not None:
        query = query.where(runs.c.owner == owner)
        if outcome == "stopped":
            query = query.where(runs.c.outcome == "running")
    ended = connection.execute(
        query.values(outcome=ends, reason=reason, detail=detail, finished_at=now)
    )
    return bool(ended.rowcount)


def close(connection: sa.Connection, run: Run, now: dt.datetime) -> bool:
    """Close a run whose process has died, so that it can be claimed again; fail it the last time.

    False when the run has moved on since `run` was read.
    """
    c = runs.c
    is_last = run.attempt >= MOST_ATTEMPTS
    closed = connection.execute(
        runs.update()
        .where(
            c.run_id == run.run_id,
            c.outcome == "running",
            c.owner == run.owner,
            c.heartbeat_at.is_(None)
            if run.heartbeat_at is None
            else c.heartbeat_at == run.heartbeat_at,
        )
        .values(
            outcome="failed" if is_last else "stopped",
            reason=f"{_DIED}, {run.attempt} times" if is_last else _DIED,
            finished_at=now,
        )
    )
    return bool(closed.rowcount)


def under_way(connection: sa.Connection) -> list[Run]:
    """Every run that has begun and not ended."""
    rows = connection.execute(sa.select(runs).where(runs.c.outcome == "running"))
    return [Run(**row._mapping) for row in rows]


def find(connection: sa.Connection, job: str, period: str) -> Run | None:
    """The run of `job` for `period`."""
    c = runs.c
    row = connection.execute(sa.select(runs).where(c.job == job, c.period == period)).first()
    return Run(**row._mapping) if row else None


def latest(connection: sa.Connection, job: str, outcome: str | None = None) -> Run | None:
    """The newest run of `job`, with that `outcome` if one is given."""
    query = sa.select(runs).where(runs.c.job == job).order_by(runs.c.run_id.desc()).limit(1)
    if outcome:
        query = query.where(runs.c.outcome == outcome)
    row = connection.execute(query).first()
    return Run(**row._mapping) if row else None


def liveliest(connection: sa.Connection, job: str) -> Run | None:
    """The run of `job` that gave a sign of life last; one that has ended only if none goes on.

    Of two at a time the newer one need not be the one that goes on.
    """
    c = runs.c
    ended = sa.case((c.outcome == "running", 0), else_=1)
    seen = sa.func.coalesce(c.heartbeat_at, c.started_at)
    query = sa.select(runs).where(c.job == job).order_by(ended, seen.desc(), c.run_id.desc())
    row = connection.execute(query.limit(1)).first()
    return Run(**row._mapping) if row else None


def prune(connection: sa.Connection, before: dt.datetime) -> int:
    """Delete the ended runs of before, but for those that published and each job's newest."""
    c = runs.c
    newest = sa.select(sa.func.max(c.run_id)).group_by(c.job, c.outcome)
    published = sa.select(issues.c.run_id)
    old = sa.and_(c.finished_at < before, c.run_id.not_in(newest), c.run_id.not_in(published))
    vitals.remember(connection, old)
    return int(connection.execute(runs.delete().where(old)).rowcount)


def recent(connection: sa.Connection, job: str) -> list[Run]:
    """The newest runs of `job`, at most twenty, the last one first."""
    query = sa.select(runs).where(runs.c.job == job).order_by(runs.c.run_id.desc()).limit(_RECENT)
    return [Run(**row._mapping) for row in connection.execute(query)]


def ended(connection: sa.Connection, job: str, source: str | None = None) -> list[Run]:
    """Of the newest runs of `job` those that ended by themselves, the last one first.

    Parameters
    ----------
    source : str | None
        Only those that read this source.
    """
    return [
        run
        for run in recent(connection, job)
        if run.outcome not in ("running", "stopped")
        and (source is None or run.detail.get("source", source) == source)
    ]
