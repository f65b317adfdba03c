"""Metrics of the service read from the database in few queries."""

__all__ = [
    "find_damage",
    "get_newest_instant",
    "get_ended_runs",
    "get_scores_token",
    "get_server_time",
]

import datetime as dt

import sqlalchemy as sa

from service.core.tables import issue_scores, issues, runs

_PASSING = ("waiting", "running", "stopped")


def get_ended_runs(
    connection: sa.Connection,
) -> dict[tuple[str, str, str], tuple[int, dt.datetime]]:
    """Return how many runs have ended and when the last did, by route, job and final outcome.

    Stopped runs are left out: they may be claimed again and the count would go down.
    """
    c = runs.c
    key = (c.outcome, c.route, c.job)
    query = sa.select(*key, sa.func.count(), sa.func.max(c.finished_at))
    query = query.where(c.outcome.not_in(_PASSING)).group_by(*key).order_by(*key)
    rows = connection.execute(query)
    return {(route, job, outcome): (number, at) for outcome, route, job, number, at in rows}


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
