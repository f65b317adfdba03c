"""Storing figures: every document kept, and the histories it touches made anew."""

from __future__ import annotations

__all__ = ["Change", "Stored", "record"]

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from service.core.declared_series import Route
from service.core.tables import observations
from service.data import document_store
from service.data.document_store import Figure, Key
from service.data.history import Statement, history

_RECORDING = 0x66696775726573  # any number that is always the same
_EMBEDDED = "figures"
Current = dict[Key, sa.Row[*tuple[Any, ...]]]
"""The value that rules, its source and `known_at`."""


@dataclass(frozen=True)
class Change:
    """A figure that is now another than before; `before` is None when it is new."""

    series_id: str
    date: dt.date
    before: int | None
    value: int
    source: str


@dataclass(frozen=True)
class Stored:
    """What storing some figures changed, counted by value: who states it does not matter."""

    new: int
    revised: int
    unchanged: int
    changes: tuple[Change, ...] = field(default=(), compare=False, repr=False)


def record(
    connection: sa.Connection,
    route: Route,
    figures: Iterable[Figure],
    seen_at: dt.datetime,
    assume_known: bool = False,
) -> Stored:
    """Store `figures`, in whatever order documents come.

    A figure with a time of publication is known from then on. One without is known from when it
    was read; or, with `assume_known`, from when its route usually publishes it, unless its
    source stated another value before: a correction is known from when it was read.

    Parameters
    ----------
    seen_at : datetime
        When they were read.
    """
    stated = {(f.series_id, f.date): f for f in figures}
    if not stated:
        return Stored(0, 0, 0)
    if connection.dialect.name == "postgresql":  # one at a time, as on SQLite anyway
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_RECORDING)))
    before = _current(connection, stated)
    dated = _dated(connection, route, stated, before, seen_at, assume_known)
    touched = frozenset(
        key
        for document in document_store.group(dated, seen_at)
        if document_store.add(connection, route, document)
        for key, one in document.statements(route)
        if _matters(one, before.get(key))
    )
    if touched:
        _rebuild(connection, route, touched)
    now = _current(connection, stated)
    changes = []
    for key in sorted(now):
        value = before[key].value if key in before else None
        if now[key].value != value:
            changes.append(Change(*key, value, now[key].value, now[key].source))
    new = sum(change.before is None for change in changes)
    return Stored(new, len(changes) - new, len(stated) - len(changes), tuple(changes))


def _current(connection: sa.Connection, keys: Iterable[Key]) -> Current:
    """The values that now rule on the days that `keys` span."""
    table = observations.c
    days = [day for _, day in keys]
    query = sa.select(table.series_id, table.date, table.value, table.source, table.known_at).where(
        table.superseded_at.is_(None), table.date.between(min(days), max(days))
    )
    return {(row.series_id, row.date): row for row in connection.execute(query)}


def _dated(
    connection: sa.Connection,
    route: Route,
    stated: Mapping[Key, Figure],
    current: Current,
    seen_at: dt.datetime,
    assume_known: bool,
) -> list[Figure]:
    """Give each figure without a time the one that stands for it; leave out what is not new."""
    embedded: dict[Key, int] = {}
    if any(f.source == _EMBEDDED for f in stated.values()):
        # The embedded figures are older than what else is stored: they are held to themselves.
        for document in document_store.overlapping(connection, route, stated, _EMBEDDED):
            embedded |= document.counts
    dated = []
    for key, figure in stated.items():
        before = current[key].value if key in current else None
        if figure.source == _EMBEDDED:
            before = embedded.get(key)
        if figure.published_at or figure.known_at or (before is None and assume_known):
            dated.append(figure)
        elif before != figure.value:
            dated.append(replace(figure, known_at=seen_at))
    return dated


def _matters(one: Statement, ruling: sa.Row[*tuple[Any, ...]] | None) -> bool:
    """Whether a new statement can change the history in which `ruling` is the last."""
    if ruling is None or one.value != ruling.value or one.known_at < ruling.known_at:
        return True
    # What does not rule may still decide which later word of its source is a new one.
    return one.source != ruling.source or one.marked_revised


def _rebuild(connection: sa.Connection, route: Route, keys: frozenset[Key]) -> None:
    """Make the histories of `keys` of all that was ever stated about them."""
    statements: dict[Key, list[Statement]] = {}
    for document in document_store.overlapping(connection, route, keys):
        for key, one in document.statements(route, keys):
            statements.setdefault(key, []).append(one)
    rows = []
    for (series_id, day), stated in statements.items():
        for ruling in history(stated):
            row = {"series_id": series_id, "date": day, **vars(ruling)}
            del row["tie"]
            rows.append(row)
    of_key = observations.delete().where(
        observations.c.series_id == sa.bindparam("of_series"),
        observations.c.date == sa.bindparam("of_day"),
    )
    connection.execute(of_key, [{"of_series": name, "of_day": day} for name, day in keys])
    connection.execute(observations.insert(), rows)
