"""The figures, under two clocks: the day they count, and when they were known."""

from __future__ import annotations

__all__ = [
    "AsOf",
    "Change",
    "Figure",
    "Revision",
    "Stored",
    "current",
    "fingerprint",
    "known_together",
    "record",
    "revisions",
    "series",
    "span",
    "version",
]

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from forecast.series import DailySeries
from service.core.tables import documents, observations
from service.data.document_store import Figure
from service.data.recording_store import Change, Stored, record

AsOf = dt.date | dt.datetime
"""A bare date: the figures for days up to it, as they now stand. An instant: what was known."""


def current(
    connection: sa.Connection,
    series_id: str,
    as_of: AsOf | None = None,
    first: dt.date | None = None,
    last: dt.date | None = None,
) -> Sequence[sa.Row[dt.date, int, str, dt.datetime]]:
    """Rows (date, value, source, known_at) of a series in order of days, as of `as_of`.

    `known_at` is when the value came to be known, whoever stated it first; `source` is who
    states it now.

    Parameters
    ----------
    first, last : date | None
        The span, both included; None: as far as the figures go.
    """
    table = observations.c
    query = sa.select(table.date, table.value, table.source, table.since.label("known_at"))
    if first is not None:
        query = query.where(table.date >= first)
    if last is not None:
        query = query.where(table.date <= last)
    return connection.execute(_as_of(query, series_id, as_of)).all()


def series(
    connection: sa.Connection, series_id: str, as_of: AsOf | None = None
) -> DailySeries | None:
    """The days up to the first gap in the figures, as of `as_of`; None when there are none."""
    query = sa.select(observations.c.date, observations.c.value)
    rows = connection.execute(_as_of(query, series_id, as_of)).all()
    if not rows:
        return None
    first = rows[0].date.toordinal()
    length = next((i for i, (day, _) in enumerate(rows) if day.toordinal() - first != i), len(rows))
    values = np.fromiter((value for _, value in rows[:length]), dtype=np.int64, count=length)
    return DailySeries(series_id, rows[0].date, values)


def span(connection: sa.Connection, series_id: str) -> tuple[dt.date, dt.date] | None:
    """First and last day of a series as it now stands, whatever gaps there are between."""
    date = observations.c.date
    query = sa.select(sa.func.min(date), sa.func.max(date)).where(
        observations.c.series_id == series_id, observations.c.superseded_at.is_(None)
    )
    first, last = connection.execute(query).one()
    return (first, last) if first else None


def version(connection: sa.Connection) -> int:
    """A number that grows whenever a figure is added or revised; 0 when there is none."""
    # No figure changes without a new document, and documents are only ever added. The rows of the
    # figures are made anew with each, and may be given numbers that others had before.
    found = connection.execute(sa.select(sa.func.max(documents.c.document_id))).scalar()
    return found or 0


def _as_of(query: sa.Select[Any], series_id: str, as_of: AsOf | None) -> sa.Select[Any]:
    """Those rows of a series that count as of `as_of`, in order of days."""
    table = observations.c
    query = query.where(table.series_id == series_id).order_by(table.date)
    if isinstance(as_of, dt.datetime):
        return query.where(
            table.known_at <= as_of,
            sa.or_(table.superseded_at.is_(None), table.superseded_at > as_of),
        )
    query = query.where(table.superseded_at.is_(None))
    return query if as_of is None else query.where(table.date <= as_of)


def known_together(
    connection: sa.Connection, series_ids: Iterable[str], as_of: AsOf
) -> dict[str, DailySeries]:
    """The series in their order, cut to the days that all of them have, as of `as_of`."""
    found = {name: series(connection, name, as_of) for name in series_ids}
    there = {name: one for name, one in found.items() if one is not None}
    if not there:
        return {}
    first = max(one.start for one in there.values())
    last = min(one.data_through for one in there.values())
    return {name: one.between(first, last) for name, one in there.items()}


def fingerprint(figures: Iterable[DailySeries]) -> str:
    """Hash of the figures themselves: the same figures have the same hash, however they came."""
    digest = hashlib.sha256()
    for one in sorted(figures, key=lambda s: s.name):
        digest.update(f"{one.name} {one.start} {len(one)};".encode())
        digest.update(one.values.astype("<i8").tobytes())
    return digest.hexdigest()


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
