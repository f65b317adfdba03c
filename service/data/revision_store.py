"""What was stated of a day after it had been stated before."""

from __future__ import annotations

__all__ = ["Revision", "revisions"]

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from service.core.tables import observations


@dataclass(frozen=True)
class Revision:
    """Another value for a day that had one.

    Attributes
    ----------
    known_at : datetime
        When the new value was published, or read.
    is_marked : bool
        Whether the source marks it "Revised".
    ruled : bool
        False when a source of higher rank had spoken, so that the value before it stayed.
    """

    date: dt.date
    value_before: int
    value: int
    source_before: str
    source: str
    known_at: dt.datetime
    is_marked: bool
    ruled: bool


def revisions(connection: sa.Connection, series_id: str) -> list[Revision]:
    """Every revision of a series, in the order in which they were published."""
    table = observations.c
    several = (
        sa.select(table.date)
        .where(table.series_id == series_id)
        .group_by(table.date)
        .having(sa.func.min(table.value) < sa.func.max(table.value))
    )
    query = (
        sa.select(observations)
        .where(table.series_id == series_id, table.date.in_(several))
        .order_by(table.known_at, table.date, table.observation_id)
    )
    result: list[Revision] = []
    rulings: dict[dt.date, sa.Row[*tuple[Any, ...]]] = {}
    for row in connection.execute(query):
        ruled = row.superseded_at is None or row.superseded_at > row.known_at
        before = rulings.get(row.date)
        if before is not None and before.value != row.value:
            values = row.date, before.value, row.value, before.source, row.source
            result.append(Revision(*values, row.known_at, row.marked_revised, ruled))
        if ruled or before is None:
            rulings[row.date] = row
    return result
