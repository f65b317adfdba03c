"""Metrics of the service read from the database in few queries."""

__all__ = [
    "find_damage",
    "get_last_successes",
    "get_newest_instant",
    "add_to_counts",
    "count_ended_runs",
    "get_scores_token",
    "get_server_time",
]

import datetime as dt
from typing import Any

import sqlalchemy as sa

from service.core.database import insert
from service.core.tables import issue_scores, issues, runs, runs_deleted

_PASSING = ("running", "stopped")


def count_ended_runs(connection: sa.Connection) -> dict[tuple[str, str, str], int]:
    """Count all runs ever, by route, job and final outcome.

    Stopped runs are left out: they may be claimed again and the count would go down.
    """
    both = sa.union_all(_counted(sa.true()), sa.select(runs_deleted)).subquery().c
    key = (both.route, both.job, both.outcome)
    query = sa.select(*key, sa.func.sum(both.number)).where(both.outcome.not_in(_PASSING))
    rows = connection.execute(query.group_by(*key).order_by(*key))
    return {(route, job, outcome): int(number) for route, job, outcome, number in rows}


def add_to_counts(connection: sa.Connection, old: sa.ColumnElement[bool]) -> None:
    """Add the `old` runs, which are about to be deleted, to the remembered counts."""
    key = ["route", "job", "outcome"]
    query = insert(connection, runs_deleted).from_select([*key, "number"], _counted(old))
    number = runs_deleted.c.number + query.excluded.number
    connection.execute(query.on_conflict_do_update(index_elements=key, set_={"number": number}))


def _counted(condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    c = runs.c
    return (
        sa.select(c.route, c.job, c.outcome, sa.func.count().label("number"))
        .where(condition)
        .group_by(c.route, c.job, c.outcome)
    )


def get_last_successes(connection: sa.Connection) -> dict[tuple[str, str], dt.datetime]:
    """Return when each job of each route last succeeded."""
    c = runs.c
    rows = connection.execute(
        sa.select(c.route, c.job, sa.func.max(c.finished_at))
        .where(c.outcome == "done", c.finished_at.is_not(None))
        .group_by(c.route, c.job)
        .order_by(c.route, c.job)
    )
    return {(row[0], row[1]): row[2] for row in rows}


def get_scores_token(connection: sa.Connection) -> tuple[int, dt.datetime | None]:
    """Return a value that changes whenever an issue is scored or rescored."""
    c = issue_scores.c
    row = connection.execute(sa.select(sa.func.count(), sa.func.max(c.scored_at))).one()
    return row[0], row[1]


def get_newest_instant(connection: sa.Connection) -> dt.datetime | None:
    """Return the latest moment recorded in the database."""
    moments = [
        connection.scalar(sa.select(sa.func.max(column)))
        for column in (runs.c.started_at, runs.c.finished_at, issues.c.issued_at)
    ]
    return max((moment for moment in moments if moment), default=None)


def get_server_time(connection: sa.Connection) -> dt.datetime | None:
    """Return the time of the database server, or None without a server."""
    if connection.dialect.name != "postgresql":
        return None
    now = connection.scalar(sa.select(sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))))
    return now.astimezone(dt.UTC) if now else None


def find_damage(connection: sa.Connection) -> str:
    """Describe damage to the SQLite file; empty if there is none or no such file."""
    if connection.dialect.name != "sqlite":
        return ""
    result = connection.scalar(sa.text("PRAGMA quick_check(1)"))
    return "" if result == "ok" else " ".join(str(result).split())
