"""Issues: the frozen paths of one series, published by one run."""

__all__ = [
    "Entry",
    "Issue",
    "KEPT_DAYS",
    "KEPT_PATHS",
    "MOST_HORIZON",
    "decode",
    "encode",
    "get_first_issue",
    "get_issue",
    "get_latest_hindcast",
    "get_latest_issue",
    "get_sibling_issue",
    "insert_issue",
    "list_entries",
    "list_issues",
    "list_issues_by_origin",
    "load_paths",
    "make_id",
    "prune_issues",
    "trim_paths",
]

import datetime as dt
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from forecast.paths import Paths
from service.core.clock import format_instant
from service.core.tables import (
    deliveries,
    editions,
    issue_notes,
    issue_paths,
    issue_scores,
    issues,
    runs,
)

c = issues.c
MOST_HORIZON = 1600
"""Maximum number of days of an issue after its figures."""

KEPT_PATHS, KEPT_DAYS = 500, 35
"""Stored part of other models: the 28 days of scores, and a week for late figures."""


@dataclass(frozen=True)
class Issue:
    """The header of an issue."""

    issue_id: str
    series_id: str
    run_id: int
    kind: str  # ``live``, or ``hindcast`` for a replay of the past
    origin: dt.date
    data_through: dt.date
    as_of: dt.datetime
    issued_at: dt.datetime
    champion: str  # served: the wanted model, or the best other one if its fit failed
    wanted: str
    seed: int
    n_paths: int
    horizon_days: int
    inputs_hash: str  # of the figures, the declarations and the simulation's settings
    failures: dict[str, str] = field(default_factory=dict)  # why a declared model is missing


@dataclass(frozen=True)
class Entry:
    """One model of an issue, without its paths."""

    model: str
    title: str
    role: str
    version: str


def make_id(series_id: str, origin: dt.date, issued_at: dt.datetime, inputs_hash: str) -> str:
    """Return an id with series and origin, equal for the same inputs and moment."""
    digest = hashlib.sha256(f"{format_instant(issued_at)} {inputs_hash}".encode()).hexdigest()
    return f"{series_id}-{origin:%Y%m%d}-{digest[:10]}"


def insert_issue(
    connection: sa.Connection, issue: Issue, models: Sequence[tuple[Entry, Paths]]
) -> None:
    """Store `issue` with the stored part of its models, in the caller's transaction."""
    connection.execute(issues.insert().values(**asdict(issue)))
    rows: list[dict[str, Any]] = []
    for entry, paths_ in models:
        encoding, content = encode(trim_paths(issue, entry.model, paths_).values)
        rows.append(
            {"issue_id": issue.issue_id, "encoding": encoding, "content": content} | asdict(entry)
        )
    connection.execute(issue_paths.insert(), rows)


def trim_paths(issue: Issue, model: str, paths: Paths) -> Paths:
    """Return the part of a model's paths to store: all of the champion's."""
    if model == issue.champion:
        return paths
    return Paths(paths.start, paths.values[:KEPT_PATHS, :KEPT_DAYS])


def get_latest_issue(
    connection: sa.Connection, series_id: str, by: dt.datetime | None = None
) -> Issue | None:
    """Return the newest live issue of a series; with `by`, the one current at that moment."""
    query = _newest_first(series_id)
    return _first(connection, query if by is None else query.where(c.issued_at <= by))


def get_first_issue(connection: sa.Connection, series_id: str, kind: str = "live") -> Issue | None:
    """Return the oldest issue of a series; for hindcasts, that of the first origin."""
    return _first(connection, _of_kind(series_id, kind).order_by(c.issued_at, c.run_id))


def get_latest_hindcast(connection: sa.Connection, series_id: str, by: dt.date) -> Issue | None:
    """Return the hindcast with the last origin up to a day."""
    query = _of_kind(series_id, "hindcast").where(c.origin <= by)
    return _first(connection, query.order_by(c.origin.desc(), c.run_id.desc()))


def list_issues(
    connection: sa.Connection,
    series_id: str,
    limit: int,
    after: tuple[dt.datetime, int] | None = None,
) -> list[Issue]:
    """Return the live issues of a series, newest first, `after` the (issued_at, run_id) of one."""
    query = _newest_first(series_id)
    if after is not None:
        query = query.where(
            c.issued_at <= after[0],  # a separate condition, so that the index is used
            sa.or_(c.issued_at < after[0], c.run_id < after[1]),
        )
    return _all(connection, query.limit(limit))


def get_sibling_issue(connection: sa.Connection, issue: Issue, series_id: str) -> Issue | None:
    """Return the issue of another series from the same run and origin."""
    is_of_run = sa.and_(c.run_id == issue.run_id, c.series_id == series_id)
    # A hindcast run has many origins.
    return _first(connection, sa.select(issues).where(is_of_run, c.origin == issue.origin))


def get_issue(connection: sa.Connection, issue_id: str) -> Issue | None:
    """Return the issue `issue_id`, of any kind, or None."""
    return _first(connection, sa.select(issues).where(c.issue_id == issue_id))


def list_issues_by_origin(connection: sa.Connection, origin: dt.date, kind: str) -> list[Issue]:
    """Return the issues of a kind and origin, of all series."""
    return _all(connection, sa.select(issues).where(c.origin == origin, c.kind == kind))


def _of_kind(series_id: Any, kind: str) -> sa.Select[Any]:
    return sa.select(issues).where(c.series_id == series_id, c.kind == kind)


def _newest_first(series_id: Any) -> sa.Select[Any]:
    return _of_kind(series_id, "live").order_by(c.issued_at.desc(), c.run_id.desc())


def _first(connection: sa.Connection, query: sa.Select[Any]) -> Issue | None:
    return next(iter(_all(connection, query.limit(1))), None)


def _all(connection: sa.Connection, query: sa.Select[Any]) -> list[Issue]:
    return [Issue(**row._mapping) for row in connection.execute(query)]


def list_entries(connection: sa.Connection, issue_id: str) -> list[Entry]:
    """Return the models of an issue, ordered by name."""
    p = issue_paths.c
    query = sa.select(p.model, p.version, p.role, p.title).where(p.issue_id == issue_id)
    rows = connection.execute(query.order_by(p.model))
    return [Entry(**row._mapping) for row in rows]


def load_paths(connection: sa.Connection, issue: Issue, model: str) -> Paths | None:
    """Return the stored paths of a model; None if the issue lacks the model."""
    p = issue_paths.c
    row = connection.execute(
        sa.select(p.encoding, p.content).where(p.issue_id == issue.issue_id, p.model == model)
    ).first()
    if row is None:
        return None
    start = issue.origin + dt.timedelta(days=1)
    return Paths(start, decode(row.encoding, row.content))  # type: ignore[arg-type]


def prune_issues(connection: sa.Connection, before: dt.datetime) -> int:
    """Delete issues made before that moment, except the newest live ones; return how many.

    A hindcast's age counts from when it was made, not from the past it replays.
    """
    last = sa.select(c.series_id, sa.func.max(c.issued_at)).where(c.kind == "live")
    is_last = sa.tuple_(c.series_id, c.issued_at).in_(last.group_by(c.series_id))
    newest = sa.select(c.issue_id).where(c.kind == "live", is_last)
    old_runs = sa.select(runs.c.run_id).where(runs.c.started_at < before)
    old = sa.select(c.issue_id).where(c.run_id.in_(old_runs), c.issue_id.not_in(newest))
    e, d = editions.c, deliveries.c
    old_editions = sa.select(e.route, e.period).where(e.issue_id.in_(old))
    connection.execute(deliveries.delete().where(sa.tuple_(d.route, d.period).in_(old_editions)))
    for table in (editions, issue_scores, issue_notes, issue_paths):
        connection.execute(table.delete().where(table.c.issue_id.in_(old)))
    return int(connection.execute(issues.delete().where(c.issue_id.in_(old))).rowcount)


def encode(values: npt.NDArray[np.int32]) -> tuple[str, bytes]:
    """Compress `values`, shape (n_paths, horizon), whole and non-negative.

    The encoding is named ``huffman:<low bits>:<n_paths>:<horizon>``.

    Values are stored day by day. One byte per value holds zero, or the high bits plus one; the low
    bits of non-zero values, which are noise, follow. zlib uses Huffman codes only: repetitions in
    random draws are chance, and references to them take a fifth more space.
    """
    n_paths, horizon = values.shape
    days = values.T.ravel()
    low = (max(int(days.max(initial=0)) - 1, 0) // 255).bit_length()
    rest = days[days > 0] - 1
    codes = np.zeros(days.shape, dtype=np.uint8)
    codes[days > 0] = (rest >> low) + 1
    noise = np.packbits(rest >> np.arange(low)[:, None] & 1)
    huffman = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)
    content = huffman.compress(codes.tobytes() + noise.tobytes()) + huffman.flush()
    return f"huffman:{low}:{n_paths}:{horizon}", content


def decode(encoding: str, content: bytes) -> npt.NDArray[np.int32]:
    """Return the array passed to `encode`.

    Raises `ValueError` if the encoding is unknown or the bytes are damaged.
    """
    name, low, n_paths, horizon = encoding.split(":")
    if name != "huffman":
        raise ValueError(f"expected the encoding huffman, found {name!r}")
    try:
        packed = np.frombuffer(zlib.decompress(content), dtype=np.uint8)
    except zlib.error as error:
        raise ValueError(f"expected {len(content)} bytes of {encoding!r}, found {error}") from error
    n_values, n_bits = int(n_paths) * int(horizon), int(low)
    days = packed[:n_values].astype(np.int32)
    rest = days[days > 0] - 1 << n_bits
    noise = np.unpackbits(packed[n_values:])[: rest.size * n_bits]
    for bit, plane in enumerate(noise.reshape(n_bits, rest.size)):
        rest |= plane.astype(np.int32) << bit
    days[days > 0] = rest + 1
    return np.ascontiguousarray(days.reshape(int(horizon), int(n_paths)).T)
