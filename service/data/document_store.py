"""Every accepted document, from which the histories are derived; and raw ones, for a while."""

__all__ = [
    "add_document",
    "list_newest",
    "list_overlapping",
    "prune_raw_documents",
    "save_raw_document",
    "save_validators",
    "to_store",
    "get_validators",
]

import contextlib
import datetime as dt
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from service.core.clock import format_instant
from service.core.database import Connection, insert
from service.core.declared_series import Route
from service.core.files import write_atomically
from service.core.tables import documents, fetches
from service.data.history import Statement
from service.data.source import Document, Validators

Key = tuple[str, dt.date]
_LONGEST_ADDRESS = 500
_RAW_FOLDER = "raw"
_HEAD = "source published_at known_at first_seen_at fingerprint".split()
"""Columns that are stored unchanged as fields of `StoredDocument`."""


@dataclass(frozen=True)
class StoredDocument:
    """Figures of one source at one moment.

    If `known_at` is None, each figure counts as known when its route says.
    """

    source: str
    published_at: dt.datetime | None
    known_at: dt.datetime | None
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
        is_dated = self.published_at is not None or self.known_at != self.first_seen_at
        tie = self.fingerprint if is_dated else f"~{self.document_id:012}"
        seen_at = self.first_seen_at
        for key, value in self.counts.items():
            if keys is not None and key not in keys:
                continue
            # A figure is known once seen, however early.
            known_at = self.known_at or min(route.assumed_known_at(key[1]), seen_at)
            stated = value, self.source, known_at, self.published_at, seen_at
            yield key, Statement(*stated, key in self.marked, tie)


def to_store(
    document: Document, counts: dict[Key, int], known_at: dt.datetime | None, seen_at: dt.datetime
) -> StoredDocument:
    """Return these `counts` of `document`, known since its publication, or else `known_at`."""
    published_at = document.published_at
    since = published_at or known_at
    if since:
        since = min(since, seen_at)  # not known later than it was seen, whatever the clock says
    marked = document.revised.intersection(counts)
    text = f"{document.source} {format_instant(since) if since else ''} {_text(counts, marked)}"
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    head = document.source, published_at, since, seen_at, fingerprint
    return StoredDocument(*head, counts, marked)


def add_document(connection: Connection, route: Route, document: StoredDocument) -> bool:
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


def list_overlapping(
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


def list_newest(connection: Connection) -> list[dict[str, Any]]:
    """Return ``route source data_through published_at read_at`` of each source."""
    table = documents.c
    query = sa.select(
        table.route,
        table.source,
        sa.func.max(table.last_date).label("data_through"),
        sa.func.max(table.published_at).label("published_at"),
        sa.func.max(table.first_seen_at).label("read_at"),
    ).group_by(table.route, table.source)
    rows = connection.execute(query.order_by(table.route, table.source))
    return [dict(row) for row in rows.mappings()]


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


def get_validators(connection: Connection, route: Route) -> dict[str, Validators]:
    """Return the HTTP validators of a route by URL."""
    rows = connection.execute(sa.select(fetches).where(fetches.c.route == route.name))
    return {row.url: (row.etag, row.last_modified) for row in rows}


def save_validators(
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
        query, key = insert(connection, fetches), ("route", "url")
        new = {column.name: query.excluded[column.name] for column in fetches.columns}
        connection.execute(query.on_conflict_do_update(index_elements=key, set_=new), rows)


def save_raw_document(var_dir: Path, content: bytes, suffix: str) -> Path:
    """Keep `content` in a file named by its SHA-256, ending in `suffix`, and return its path."""
    name = hashlib.sha256(content).hexdigest()
    path = var_dir / _RAW_FOLDER / name[:2] / f"{name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)  # again, so that it is not pruned
    return path


def prune_raw_documents(var_dir: Path, days: int, now: dt.datetime) -> None:
    """Remove raw documents older than `days`."""
    oldest = (now - dt.timedelta(days=days)).timestamp()
    for path in (var_dir / _RAW_FOLDER).glob("*/*"):
        with contextlib.suppress(OSError):  # another process may prune at the same time
            if path.is_file() and path.stat().st_mtime < oldest:
                path.unlink()
