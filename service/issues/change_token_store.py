"""Change tokens: one short query that shows whether cached answers are current."""

from __future__ import annotations

__all__ = ["Mark", "read_change_token"]

import functools
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from service.core.tables import issues, runs

Mark = tuple[Any, ...]
"""The newest issue's id, or None, and the last run of each job with its outcome."""


def read_change_token(
    connection: sa.Connection, route: str, series_id: str, jobs: Sequence[str]
) -> Mark:
    """Return the token of a series: equal tokens mean the same newest issue and last runs."""
    about = {"series_id": series_id, "route": route}
    return tuple(connection.execute(_query(tuple(jobs)), about).one())


@functools.cache
def _query(jobs: tuple[str, ...]) -> sa.Select[Any]:
    newest = (
        sa.select(issues.c.issue_id)
        .where(issues.c.series_id == sa.bindparam("series_id"), issues.c.kind == "live")
        .order_by(issues.c.issued_at.desc(), issues.c.run_id.desc())
        .limit(1)
        .scalar_subquery()
    )
    is_of = runs.c.route == sa.bindparam("route")
    columns: list[Any] = [newest]
    for job in jobs:
        last = (
            sa.select(sa.func.max(runs.c.run_id)).where(is_of, runs.c.job == job).scalar_subquery()
        )
        outcome = sa.select(runs.c.outcome).where(runs.c.run_id == last).scalar_subquery()
        columns += [last, outcome]
    return sa.select(*columns)
