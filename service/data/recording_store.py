"""Storing figures: every document kept, and the histories it touches made anew."""

from __future__ import annotations

__all__ = ["Change", "Stored", "record"]

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import sqlalchemy as sa

from service.core.declared_series import Route
from service.core.tables import observations
from service.data import document_store
from service.data.document_store import Figure, Key
from service.data.history import Ruling, Statement, history

_RECORDING = 0x66696775726573  # any number that is always the same
_EMBEDDED = "figures"
_MOST_AT_ONCE = 500


class _Current(NamedTuple):
    """What now rules."""

    value: int
    source: str
    known_at: dt.datetime


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
    wanted = {(f.series_id, f.date): f for f in figures}
    if not wanted:
        return Stored(0, 0, 0)
    if connection.dialect.name == "postgresql":  # one at a time, as on SQLite anyway
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_RECORDING)))
    there = _rulings(connection, wanted)
    dated = _dated(connection, route, wanted, there, seen_at, assume_known)
    fresh = [
        one
        for one in document_store.group(dated, seen_at)
        if document_store.add(connection, route, one)
    ]
    touched = frozenset(
        key for one in fresh for key, s in one.statements(route) if _matters(s, there.get(key))
    )
    return _stored(wanted, there, _rebuild(connection, route, touched) if touched else {})


def _rulings(connection: sa.Connection, keys: Iterable[Key]) -> dict[Key, _Current]:
    """The values that now rule on the days that `keys` span."""
    table = observations.c
    days = [day for _, day in keys]
    query = sa.select(table.series_id, table.date, table.value, table.source, table.known_at).where(
        table.superseded_at.is_(None), table.date.between(min(days), max(days))
    )
    return {
        (series_id, day): _Current(*rest) for series_id, day, *rest in connection.execute(query)
    }


def _dated(
    connection: sa.Connection,
    route: Route,
    wanted: Mapping[Key, Figure],
    there: Mapping[Key, _Current],
    seen_at: dt.datetime,
    assume_known: bool,
) -> list[Figure]:
    """Give each figure without a time the one that stands for it."""
    undated = {key: f for key, f in wanted.items() if not (f.published_at or f.known_at)}
    dated = [f for key, f in wanted.items() if key not in undated]
    stated: dict[Key, int] = {}
    if any(f.source == _EMBEDDED for f in undated.values()):
        # The embedded figures are older than what else is stored: they are held to themselves.
        stated = _last_stated(connection, route, undated, _EMBEDDED)
    for key, figure in undated.items():
        ruling = there.get(key)
        if figure.source == _EMBEDDED:
            before = stated.get(key)
        else:
            before = ruling.value if ruling else None
        if before == figure.value:
            continue  # it says nothing new
        if before is None and assume_known:
            dated.append(figure)
        else:
            dated.append(replace(figure, known_at=seen_at))
    return dated


def _last_stated(
    connection: sa.Connection, route: Route, keys: Iterable[Key], source: str
) -> dict[Key, int]:
    days = [day for _, day in keys]
    stated: dict[Key, int] = {}
    for document in document_store.overlapping(connection, route, min(days), max(days), source):
        stated |= document.counts
    return stated


def _matters(one: Statement, ruling: _Current | None) -> bool:
    """Whether a new statement can change the history in which `ruling` is the last."""
    if ruling is None or one.value != ruling.value or one.known_at < ruling.known_at:
        return True
    # What does not rule may still decide which later word of its source is a new one.
    return one.source != ruling.source or one.is_marked


def _rebuild(connection: sa.Connection, route: Route, keys: frozenset[Key]) -> dict[Key, Ruling]:
    """Make the histories of `keys` of all that was ever stated about them; what now rules."""
    days = [day for _, day in keys]
    stated: dict[Key, list[Statement]] = {}
    for document in document_store.overlapping(connection, route, min(days), max(days)):
        for key, one in document.statements(route, keys):
            stated.setdefault(key, []).append(one)
    now: dict[Key, Ruling] = {}
    rows = []
    for key, statements in stated.items():
        for ruling in history(statements):
            rows.append(_row(key, ruling))
            if ruling.superseded_at is None:
                now[key] = ruling
    _delete(connection, keys)
    connection.execute(observations.insert(), rows)
    return now


def _delete(connection: sa.Connection, keys: frozenset[Key]) -> None:
    table = observations.c
    for series_id in {series_id for series_id, _ in keys}:
        days = sorted(day for one, day in keys if one == series_id)
        for at in range(0, len(days), _MOST_AT_ONCE):
            part = days[at : at + _MOST_AT_ONCE]
            connection.execute(
                observations.delete().where(table.series_id == series_id, table.date.in_(part))
            )


def _row(key: Key, ruling: Ruling) -> dict[str, Any]:
    return {
        "series_id": key[0],
        "date": key[1],
        "value": ruling.value,
        "source": ruling.source,
        "published_at": ruling.published_at,
        "first_seen_at": ruling.first_seen_at,
        "known_at": ruling.known_at,
        "known_at_assumed": ruling.is_assumed,
        "since": ruling.since,
        "marked_revised": ruling.is_marked,
        "superseded_at": ruling.superseded_at,
    }


def _stored(
    wanted: Mapping[Key, Figure], there: Mapping[Key, _Current], now: Mapping[Key, Ruling]
) -> Stored:
    changes = []
    for key in sorted(now):
        before = there.get(key)
        if before is None or before.value != now[key].value:
            value = before.value if before else None
            changes.append(Change(*key, value, now[key].value, now[key].source))
    new = sum(change.before is None for change in changes)
    revised = len(changes) - new
    return Stored(new, revised, len(wanted) - len(changes), tuple(changes))
