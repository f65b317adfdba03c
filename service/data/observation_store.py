"""Figures with two dates: the day they count, and when they were known."""

from __future__ import annotations

__all__ = [
    "AsOf",
    "Change",
    "Revision",
    "list_current",
    "fingerprint",
    "get_common_series",
    "store_figures",
    "list_revisions",
    "get_series",
    "get_span",
    "get_version",
]

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from forecast.series import DailySeries
from service.core.database import Connection
from service.core.declared_series import Route
from service.core.tables import documents, observations
from service.data import document_store
from service.data.document_store import Key
from service.data.history import Statement, history
from service.data.source import Document

AsOf = dt.date | dt.datetime
"""A date: current figures for days up to it. An instant: figures as known then."""

_RECORDING = 0x66696775726573  # any constant
Current = dict[Key, sa.Row[*tuple[Any, ...]]]
"""The current value, its source and `known_at`."""


@dataclass(frozen=True)
class Change:
    """A changed figure; `before` is None if it is new."""

    series_id: str
    date: dt.date
    before: int | None
    value: int
    source: str


def store_figures(
    connection: Connection,
    route: Route,
    document: Document,
    seen_at: dt.datetime,
    known_at: dt.datetime | None = None,
) -> list[Change]:
    """Store the figures of `document` and return those whose value changes, by series and day.

    The order of documents does not matter. Figures are known from its publication on, or from
    `known_at`. Without either, a figure is known from its route's usual publication time; or from
    when it was read, `seen_at`, if its source stated another value before: that is a correction.
    """
    figures = document.figures.items()
    stated = {(name, day): value for name, counts in figures for day, value in counts.items()}
    if connection.dialect.name == "postgresql":  # one at a time; SQLite does this anyway
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_RECORDING)))
    before = _get_current(connection, stated)
    parts = [(stated, known_at)]
    if document.published_at is None and known_at is None:
        parts = _undated(connection, route, document.source, stated, before, seen_at)
    new = [document_store.to_store(document, *part, seen_at) for part in parts]
    touched = frozenset(
        key
        for part in new
        if document_store.add_document(connection, route, part)
        for key, one in part.statements(route)
        if _can_change(one, before.get(key))
    )
    if not touched:
        return []
    _rebuild(connection, route, touched, before.keys())
    changes = []
    for key, now in sorted(_get_current(connection, stated).items()):
        value = before[key].value if key in before else None
        if now.value != value:
            changes.append(Change(*key, value, now.value, now.source))
    return changes


def _get_current(connection: Connection, keys: Iterable[Key]) -> Current:
    """Return the current values of these series on the days that `keys` span."""
    table = observations.c
    series_ids, days = {series_id for series_id, _ in keys}, [day for _, day in keys]
    query = sa.select(table.series_id, table.date, table.value, table.source, table.known_at).where(
        table.series_id.in_(series_ids),
        table.superseded_at.is_(None),
        table.date.between(min(days), max(days)),
    )
    return {(row.series_id, row.date): row for row in connection.execute(query)}


def _undated(
    connection: Connection,
    route: Route,
    source: str,
    stated: Mapping[Key, int],
    current: Current,
    seen_at: dt.datetime,
) -> list[tuple[dict[Key, int], dt.datetime | None]]:
    """Return the new counts, and the corrected ones with the moment since which they are known."""
    before = {key: row.value for key, row in current.items()}
    if source == "figures":
        # Embedded figures are older than other stored ones: compare them only with themselves.
        before = {}
        for document in document_store.list_overlapping(connection, route, stated, source):
            before |= document.counts
    new = {key: value for key, value in stated.items() if key not in before}
    corrected = {key: stated[key] for key in stated.keys() & before if stated[key] != before[key]}
    return [(counts, since) for counts, since in ((new, None), (corrected, seen_at)) if counts]


def _can_change(one: Statement, ruling: sa.Row[*tuple[Any, ...]] | None) -> bool:
    """Whether a new statement can change the history whose last entry is `ruling`."""
    return (
        ruling is None
        or one.value != ruling.value
        or one.known_at < ruling.known_at
        # A value that does not apply may still decide whether its source's next one is new.
        or one.source != ruling.source
        or one.marked_revised
    )


def _rebuild(connection: Connection, route: Route, keys: frozenset[Key], stored: Set[Key]) -> None:
    """Recompute the histories of `keys`, some of them `stored`, from all statements about them."""
    statements: dict[Key, list[Statement]] = {}
    for document in document_store.list_overlapping(connection, route, keys):
        for key, one in document.statements(route, keys):
            statements.setdefault(key, []).append(one)
    rows = [
        {"series_id": series_id, "date": day, **vars(ruling)}
        for (series_id, day), stated in statements.items()
        for ruling in history(stated)
    ]
    for row in rows:
        del row["tie"]
    of_key = observations.delete().where(
        observations.c.series_id == sa.bindparam("of_series"),
        observations.c.date == sa.bindparam("of_day"),
    )
    if old := [{"of_series": name, "of_day": day} for name, day in keys & stored]:
        connection.execute(of_key, old)
    connection.execute(observations.insert(), rows)


def list_current(
    connection: Connection,
    series_id: str,
    as_of: AsOf | None = None,
    first: dt.date | None = None,
    last: dt.date | None = None,
) -> Sequence[sa.Row[dt.date, int, str, dt.datetime]]:
    """Return rows (date, value, source, known_at) of a series, `first` to `last`, as of `as_of`.

    `known_at` is when the value was first known from any source; `source` is its current source.
    """
    table = observations.c
    query = sa.select(table.date, table.value, table.source, table.since.label("known_at"))
    if first is not None:
        query = query.where(table.date >= first)
    if last is not None:
        query = query.where(table.date <= last)
    return connection.execute(_as_of(query, series_id, as_of)).all()


def get_series(
    connection: Connection, series_id: str, as_of: AsOf | None = None
) -> DailySeries | None:
    """Return the days up to the first gap in the figures, as of `as_of`; None without figures."""
    query = sa.select(observations.c.date, observations.c.value)
    rows = connection.execute(_as_of(query, series_id, as_of)).all()
    if not rows:
        return None
    first = rows[0].date.toordinal()
    length = next((i for i, (day, _) in enumerate(rows) if day.toordinal() - first != i), len(rows))
    return DailySeries(series_id, rows[0].date, np.array([value for _, value in rows[:length]]))


def get_span(connection: Connection, series_id: str) -> tuple[dt.date, dt.date] | None:
    """Return the first and last day of a series, ignoring gaps."""
    date = observations.c.date
    query = sa.select(sa.func.min(date), sa.func.max(date)).where(
        observations.c.series_id == series_id, observations.c.superseded_at.is_(None)
    )
    first, last = connection.execute(query).one()
    return (first, last) if first else None


def get_version(connection: Connection) -> int:
    """Return a number that grows with every added or revised figure; 0 without figures."""
    # Every change adds a document, and none is ever deleted; rows of figures may reuse ids.
    return connection.scalar(sa.select(sa.func.max(documents.c.document_id))) or 0


def _as_of(query: sa.Select[Any], series_id: str, as_of: AsOf | None) -> sa.Select[Any]:
    """Select the rows of a series that apply as of `as_of`, by day."""
    table = observations.c
    query = query.where(table.series_id == series_id).order_by(table.date)
    if isinstance(as_of, dt.datetime):
        ruled = sa.or_(table.superseded_at.is_(None), table.superseded_at > as_of)
        return query.where(table.known_at <= as_of, ruled)
    query = query.where(table.superseded_at.is_(None))
    return query if as_of is None else query.where(table.date <= as_of)


def get_common_series(
    connection: Connection, series_ids: Iterable[str], as_of: AsOf
) -> dict[str, DailySeries]:
    """Return the series in order, limited to their common days, as of `as_of`."""
    stored = {name: get_series(connection, name, as_of) for name in series_ids}
    result = {name: one for name, one in stored.items() if one is not None}
    if not result:
        return {}
    first = max(one.start for one in result.values())
    last = min(one.data_through for one in result.values())
    return {name: one.between(first, last) for name, one in result.items()}


def fingerprint(figures: Iterable[DailySeries]) -> str:
    """Return a hash of the figures, whatever their source."""
    digest = hashlib.sha256()
    for one in sorted(figures, key=lambda s: s.name):
        digest.update(f"{one.name} {one.start} {len(one)};".encode())
        digest.update(one.values.astype("<i8").tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Revision:
    """A changed value for a day, published or read at `known_at`.

    `ruled` is False if a source of higher rank kept the earlier value.
    """

    date: dt.date
    value_before: int
    value: int
    source_before: str
    source: str
    known_at: dt.datetime
    marked_revised: bool
    ruled: bool


def list_revisions(connection: Connection, series_id: str) -> list[Revision]:
    """Return every revision of a series, in order of publication."""
    table = observations.c
    days = sa.select(table.date).where(table.series_id == series_id).group_by(table.date)
    several = days.having(sa.func.min(table.value) < sa.func.max(table.value))
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
