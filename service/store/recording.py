"""Storing figures: every document kept, and the histories it touches made anew."""

from __future__ import annotations

__all__ = ["Change", "Stored", "record"]

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from service.store import documents
from service.store.documents import Figure, Key
from service.store.history import RANKS, Ruling, Statement, history
from service.store.tables import observations

_RECORDING = 0x66696775726573  # any number that is always the same
_EMBEDDED = "figures"


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
    figures: Iterable[Figure],
    seen_at: dt.datetime,
    assume_known: bool = False,
) -> Stored:
    """Store `figures`, in whatever order documents come.

    A figure with a time of publication is known from then on. One without is known from when it
    was read; or, with `assume_known`, from 14:00 UK time on the day after its own, unless its
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
    there = _rows(connection, wanted)
    dated = _dated(connection, wanted, there, seen_at, assume_known)
    fresh = [one for one in documents.group(dated, seen_at) if documents.add(connection, one)]
    touched = frozenset(
        key for one in fresh for key, s in one.statements() if _matters(s, there.get(key, ()))
    )
    if touched:
        _rebuild(connection, touched, there)
    return _stored(wanted, there, _values(connection, touched))


def _rows(connection: sa.Connection, keys: Iterable[Key]) -> dict[Key, list[sa.Row[Any]]]:
    """The stored rows of the days that `keys` span, each figure's by `known_at`."""
    days = [day for _, day in keys]
    query = (
        sa.select(observations)
        .where(observations.c.date.between(min(days), max(days)))
        .order_by(observations.c.known_at)
    )
    found: dict[Key, list[sa.Row[Any]]] = {}
    for row in connection.execute(query):
        found.setdefault((row.series_id, row.date), []).append(row)
    return found


def _ruling(rows: Sequence[sa.Row[Any]]) -> sa.Row[Any] | None:
    return next((row for row in rows if row.superseded_at is None), None)


def _dated(
    connection: sa.Connection,
    wanted: Mapping[Key, Figure],
    there: Mapping[Key, list[sa.Row[Any]]],
    seen_at: dt.datetime,
    assume_known: bool,
) -> list[Figure]:
    """Give each figure without a time the one that stands for it."""
    undated = {key: f for key, f in wanted.items() if not (f.published_at or f.known_at)}
    dated = [f for key, f in wanted.items() if key not in undated]
    stated: dict[Key, int] = {}
    if any(f.source == _EMBEDDED for f in undated.values()):
        # The embedded figures are older than what else is stored: they are held to themselves.
        stated = _last_stated(connection, undated, _EMBEDDED)
    for key, figure in undated.items():
        ruling = _ruling(there.get(key, ()))
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


def _last_stated(connection: sa.Connection, keys: Iterable[Key], source: str) -> dict[Key, int]:
    days = [day for _, day in keys]
    stated: dict[Key, int] = {}
    for document in documents.overlapping(connection, min(days), max(days), source):
        stated |= document.counts
    return stated


def _matters(one: Statement, rows: Sequence[sa.Row[Any]]) -> bool:
    """Whether a new statement can change the history that `rows` are."""
    ruling = _ruling(rows)
    if ruling is None or one.value != ruling.value or one.known_at < ruling.known_at:
        return True
    return one.source != ruling.source and one.rank >= RANKS.get(ruling.source, 2)


def _rebuild(
    connection: sa.Connection, keys: frozenset[Key], there: Mapping[Key, list[sa.Row[Any]]]
) -> None:
    """Make the histories of `keys` of all that was ever stated about them."""
    days = [day for _, day in keys]
    stated: dict[Key, list[Statement]] = {}
    for document in documents.overlapping(connection, min(days), max(days)):
        for key, one in document.statements(keys):
            stated.setdefault(key, []).append(one)
    gone: list[dict[str, int]] = []
    come: list[dict[str, Any]] = []
    for key in keys:
        wanted = [_row(key, ruling) for ruling in history(stated[key])]
        for row in there.get(key, ()):
            kept = {name: value for name, value in row._mapping.items() if name in _COLUMNS}
            if kept in wanted:
                wanted.remove(kept)
            else:
                gone.append({"gone": row.observation_id})
        come += wanted
    if gone:
        where = observations.c.observation_id == sa.bindparam("gone")
        connection.execute(observations.delete().where(where), gone)
    if come:
        connection.execute(observations.insert(), come)


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


_COLUMNS = frozenset(column.name for column in observations.columns) - {"observation_id"}


def _values(connection: sa.Connection, keys: frozenset[Key]) -> dict[Key, sa.Row[Any]]:
    """The rows that now rule, of `keys`."""
    if not keys:
        return {}
    found = {key: _ruling(rows) for key, rows in _rows(connection, keys).items() if key in keys}
    return {key: row for key, row in found.items() if row is not None}


def _stored(
    wanted: Mapping[Key, Figure],
    there: Mapping[Key, list[sa.Row[Any]]],
    now: Mapping[Key, sa.Row[Any]],
) -> Stored:
    changes = []
    for key in sorted(now):
        before = _ruling(there.get(key, ()))
        if before is None or before.value != now[key].value:
            value = before.value if before else None
            changes.append(Change(*key, value, now[key].value, now[key].source))
    new = sum(change.before is None for change in changes)
    revised = len(changes) - new
    return Stored(new, revised, len(wanted) - len(changes), tuple(changes))
