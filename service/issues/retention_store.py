"""Deleting issues whose time is over, with all that hangs on them."""

from __future__ import annotations

__all__ = ["oldest_live", "prune_issues"]

import datetime as dt

import sqlalchemy as sa

from service.core.tables import (
    deliveries,
    editions,
    issue_notes,
    issue_paths,
    issue_scores,
    issues,
    runs,
)


def prune_issues(connection: sa.Connection, before: dt.datetime) -> int:
    """Delete the issues that were made before that moment; the newest live ones always stay.

    A hindcast is as old as its making, not as the past that it replays.

    Returns
    -------
    int
        How many.
    """
    c = issues.c
    last = sa.select(c.series_id, sa.func.max(c.issued_at)).where(c.kind == "live")
    is_last = sa.tuple_(c.series_id, c.issued_at).in_(last.group_by(c.series_id))
    newest = sa.select(c.issue_id).where(c.kind == "live", is_last)
    old_runs = sa.select(runs.c.run_id).where(runs.c.started_at < before)
    old = sa.select(c.issue_id).where(c.run_id.in_(old_runs), c.issue_id.not_in(newest))
    e, d = editions.c, deliveries.c
    gone = sa.select(e.route, e.period).where(e.issue_id.in_(old))
    connection.execute(deliveries.delete().where(sa.tuple_(d.route, d.period).in_(gone)))
    for table in (editions, issue_scores, issue_notes, issue_paths):
        connection.execute(table.delete().where(table.c.issue_id.in_(old)))
    return int(connection.execute(issues.delete().where(c.issue_id.in_(old))).rowcount)


def oldest_live(connection: sa.Connection) -> dt.datetime | None:
    """The earliest moment as of which a live issue was made that is still there."""
    c = issues.c
    query = sa.select(c.as_of).where(c.kind == "live").order_by(c.as_of).limit(1)
    return connection.scalar(query)
