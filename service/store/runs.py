"""The runs of jobs: claimed before any work, finished with an outcome."""

from __future__ import annotations

__all__ = ["Run", "claim", "finish", "latest", "recent"]

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from service.store.tables import runs


@dataclass(frozen=True)
class Run:
    """One run of a job.

    Attributes
    ----------
    outcome : str
        ``running``, ``done``, ``skipped``, ``failed`` or ``stopped``.
    """

    run_id: int
    job: str
    period: str
    started_at: dt.datetime
    finished_at: dt.datetime | None
    outcome: str
    reason: str | None
    detail: dict[str, Any]


def claim(connection: sa.Connection, job: str, period: str, now: dt.datetime) -> int | None:
    """Claim the run of `job` for `period`; None when somebody has it already."""
    try:
        with connection.begin_nested():
            result = connection.execute(
                runs.insert().values(
                    job=job, period=period, started_at=now, outcome="running", detail={}
                )
            )
    except sa.exc.IntegrityError:
        return None
    key = result.inserted_primary_key
    assert key is not None  # a single row always has one
    return int(key[0])


def finish(
    connection: sa.Connection,
    run_id: int,
    outcome: str,
    reason: str | None,
    detail: dict[str, Any],
    now: dt.datetime,
) -> None:
    """Record how the run `run_id` ended."""
    connection.execute(
        runs.update()
        .where(runs.c.run_id == run_id)
        .values(outcome=outcome, reason=reason, detail=detail, finished_at=now)
    )


def latest(connection: sa.Connection, job: str, outcome: str | None = None) -> Run | None:
    """The newest run of `job`, with that `outcome` if one is given."""
    query = sa.select(runs).where(runs.c.job == job).order_by(runs.c.run_id.desc()).limit(1)
    if outcome:
        query = query.where(runs.c.outcome == outcome)
    row = connection.execute(query).first()
    return Run(**row._mapping) if row else None


def recent(connection: sa.Connection, job: str, limit: int = 20) -> list[Run]:
    """The newest runs of `job`, the last one first."""
    query = sa.select(runs).where(runs.c.job == job).order_by(runs.c.run_id.desc()).limit(limit)
    return [Run(**row._mapping) for row in connection.execute(query)]
