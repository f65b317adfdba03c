"""What those who watch the service want of the store, in few queries."""

from __future__ import annotations

__all__ = ["last_done", "runs_ended", "scores_mark"]

import datetime as dt

import sqlalchemy as sa

from service.store.tables import issue_scores, runs


def runs_ended(connection: sa.Connection) -> dict[tuple[str, str], int]:
    """How many runs there were of each job with each outcome, but for those under way."""
    c = runs.c
    rows = connection.execute(
        sa.select(c.job, c.outcome, sa.func.count())
        .where(c.outcome != "running")
        .group_by(c.job, c.outcome)
        .order_by(c.job, c.outcome)
    )
    return {(job, outcome): number for job, outcome, number in rows}


def last_done(connection: sa.Connection) -> dict[str, dt.datetime]:
    """When each job was done last."""
    c = runs.c
    rows = connection.execute(
        sa.select(c.job, sa.func.max(c.finished_at))
        .where(c.outcome == "done", c.finished_at.is_not(None))
        .group_by(c.job)
        .order_by(c.job)
    )
    return {row[0]: row[1] for row in rows}


def scores_mark(connection: sa.Connection) -> tuple[int, dt.datetime | None]:
    """Something that differs whenever an issue was scored, or scored anew."""
    c = issue_scores.c
    row = connection.execute(sa.select(sa.func.count(), sa.func.max(c.scored_at))).one()
    return row[0], row[1]
