"""Every accepted document, complete; the histories are derived from them."""

from __future__ import annotations

__all__ = ["Figure", "add", "group", "newest", "overlapping", "remember", "validators"]

import datetime as dt
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from service.core.clock import instant
from service.core.database import Connection, insert
from service.core.declared_series import Route
from service.core.tables import documents, fetches
from service.data.history import Statement
from service.data.source import Validators

Key = tuple[str, dt.date]


@dataclass(frozen=True)
class Figure:
    """A count as stated by a source, which may mark it "Revised".

    `published_at` is None if the source does not give it; then `known_at` is used, or if that is
    None the rule of `observation_store.record`.
    """

    series_id: str
    date: dt.date
    value: int
    source: str
    published_at: dt.datetime | None = None
    known_at: dt.datetime | None = None
    is_marked: bool = False


_LONGEST_ADDRESS = 500
_HEAD = "source published_at known_at known_at_assumed first_seen_at fingerprint".split()
"""Columns that are stored unchanged as fields of `StoredDocument`."""


@dataclass(frozen=True)
class StoredDocument:
    """Figures of one source at one moment.

    If `known_at` is None, each figure counts as known when its route says. The `fingerprint` is a
    hash of content and publication time, not of the reading time.
    """

    source: str
    published_at: dt.datetime | None
    known_at: dt.datetime | None
    known_at_assumed: bool
    first_seen_at: dt.datetime
    fingerprint: str
    counts: dict[Key, int] = field(repr=False)
    marked: frozenset[Key] = field(repr=False)
    document_id: int = 0

    def statements(
        self, route: Route, keys: frozenset[Key] | None = None
    ) -> Iterator[tuple[Key, Statement]]:
        """Return its statements, of `keys` or of all; `route` gives default known times."""
        # Of two documents dated by reading within one second, the later read is newer; for
        # documents with publication times the order of reading must not decide.
        is_dated = self.published_at is not None or self.known_at is None or self.known_at_assumed
        tie = self.fingerprint if is_dated else f"~{self.document_id:012}"
        seen_at = self.first_seen_at
        for key, value in self.counts.items():
            if keys is not None and key not in keys:
                continue
            known_at, is_assumed = self.known_at, self.known_at_assumed
            if known_at is None:
                usual = route.assumed_known_at(key[1])
                # A figure is known once seen, however early.
                known_at, is_assumed = min(usual, seen_at), usual <= seen_at
            stated = value, self.source, known_at, is_assumed, self.published_at, seen_at
            yield key, Statement(*stated, key in self.marked, tie)


def group(figures: Iterable[Figure], seen_at: dt.datetime) -> list[StoredDocument]:
    """Group `figures` into documents, one per source and moment."""
    gathered: dict[tuple[str, dt.datetime | None, dt.datetime | None], list[Figure]] = {}
    for one in figures:
        gathered.setdefault((one.source, one.published_at, one.known_at), []).append(one)
    result = []
    for (source, published_at, known_at), parts in gathered.items():
        stands = published_at or known_at
        # A figure cannot be known later than it was seen, whatever the clock says.
        since = min(stands, seen_at) if stands else None
        is_assumed = published_at is None and known_at is not None and known_at < seen_at
        counts = {(f.series_id, f.date): f.value for f in parts}
        marked = frozenset((f.series_id, f.date) for f in parts if f.is_marked)
        text = f"{source} {instant(since) if since else ''} {_text(counts, marked)}"
        fingerprint = hashlib.sha256(text.encode()).hexdigest()
        head = source, published_at, since, is_assumed, seen_at, fingerprint
        result.append(StoredDocument(*head, counts, marked))
    return result


def add(connection: Connection, route: Route, document: StoredDocument) -> bool:
    """Store `document` of `route`; False if the same is already stored."""
    days = [day for _, day in document.counts]
    query = insert(connection, documents).on_conflict_do_nothing(index_elements=["fingerprint"])
    stored = connection.execute(
        query.values(
            **{name: getattr(document, name) for name in _HEAD},
            route=route.name,
            first_date=min(days),
            last_date=max(days),
            content=zlib.compress(_text(document.counts, document.marked).encode(), 6),
        ).returning(documents.c.document_id)
    )
    return stored.first() is not None


def overlapping(
    connection: Connection, route: Route, keys: Iterable[Key], source: str | None = None
) -> Iterator[StoredDocument]:
    """Return documents of `route` about the days that `keys` span, of `source` or of all."""
    days = [day for _, day in keys]
    query = sa.select(documents).where(
        documents.c.route == route.name,
        documents.c.first_date <= max(days),
        documents.c.last_date >= min(days),
    )
    if source is not None:
        query = query.where(documents.c.source == source)
    for row in connection.execute(query.order_by(documents.c.document_id)):
        head = {name: getattr(row, name) for name in _HEAD}
        counts, marked = _decode(row.content)
        yield StoredDocument(**head, counts=counts, marked=marked, document_id=row.document_id)


def newest(connection: Connection) -> list[dict[str, Any]]:
    """Return ``route source data_through published_at read_at`` of each source."""
    table = documents.c
    query = (
        sa.select(
            table.route,
            table.source,
            sa.func.max(table.last_date).label("data_through"),
            sa.func.max(table.published_at).label("published_at"),
            sa.func.max(table.first_seen_at).label("read_at"),
        )
        .group_by(table.route, table.source)
        .order_by(table.route, table.source)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _text(counts: Mapping[Key, int], marked: Iterable[Key]) -> str:
    series: dict[str, list[list[int]]] = {}
    for (series_id, day), value in sorted(counts.items()):
        series.setdefault(series_id, []).append([day.toordinal(), value])
    noted = sorted([series_id, day.toordinal()] for series_id, day in marked)
    return json.dumps({"series": series, "marked": noted}, separators=(",", ":"))


def _decode(content: bytes) -> tuple[dict[Key, int], frozenset[Key]]:
    stated = json.loads(zlib.decompress(content))
    day = dt.date.fromordinal
    series = stated["series"].items()
    counts = {(name, day(at)): value for name, pairs in series for at, value in pairs}
    return counts, frozenset((series_id, day(at)) for series_id, at in stated["marked"])


def validators(connection: Connection, route: Route) -> dict[str, Validators]:
    """Return the HTTP validators of a route by URL, so that sites can answer "not modified"."""
    rows = connection.execute(sa.select(fetches).where(fetches.c.route == route.name))
    return {row.url: (row.etag, row.last_modified) for row in rows}


def remember(
    connection: Connection, route: Route, stated: Mapping[str, Validators], now: dt.datetime
) -> None:
    """Store the validators `stated` of a route, replacing earlier ones for the same URLs."""
    of = {"route": route.name, "fetched_at": now}
    rows = [
        of | {"url": url, "etag": etag, "last_modified": last_modified}
        for url, (etag, last_modified) in stated.items()
        if len(url) <= _LONGEST_ADDRESS
    ]
    if rows:
        c = fetches.c
        where = c.route == route.name, c.url == sa.bindparam("gone")
        connection.execute(fetches.delete().where(*where), [{"gone": row["url"]} for row in rows])
        connection.execute(fetches.insert(), rows)
