"""Every row of every table as text, and back: the same on each kind of database."""

from __future__ import annotations

__all__ = ["Part", "Schema", "fill", "is_empty", "parts", "schema"]

import base64
import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from service.store.columns import Instant
from service.store.tables import metadata

_PART_BYTES = 4 * 1024 * 1024
_ROWS_AT_ONCE, _BLOBS_AT_ONCE = 1000, 8
_TYPES: dict[str, Callable[[], sa.types.TypeEngine[Any]]] = {
    "instant": Instant,
    "date": sa.Date,
    "bytes": sa.LargeBinary,
    "boolean": sa.Boolean,
    "json": sa.JSON,
    "integer": sa.Integer,
    "text": sa.Text,
}


@dataclass(frozen=True)
class Schema:
    """What the tables were when they were written.

    Attributes
    ----------
    revision : str
        The migration that made them.
    tables : dict
        Kind of each column by its name, for each table, referred tables first.
    numbers : dict
        The highest number given by each table that numbers its rows; it is not given again.
    """

    revision: str
    tables: dict[str, dict[str, str]]
    numbers: dict[str, int]


@dataclass(frozen=True)
class Part:
    """Some rows of a table, a JSON list a line."""

    table: str
    content: bytes


def schema(connection: sa.Connection) -> Schema:
    """The tables as they are; the database is at this version's migration."""
    tables = {
        table.name: {column.name: _kind(column.type) for column in table.columns}
        for table in metadata.sorted_tables
    }
    version = sa.table("alembic_version", sa.column("version_num", sa.String))
    revision = connection.scalar(sa.select(version.c.version_num))
    assert isinstance(revision, str)
    numbers = {table.name: _highest(connection, table) for table in _numbered()}
    return Schema(revision, tables, numbers)


def parts(connection: sa.Connection) -> Iterator[Part]:
    """Every row, in the order of the keys, in parts of a few megabytes."""
    for table in metadata.sorted_tables:
        encoders = [_ENCODE.get(_kind(column.type), _same) for column in table.columns]
        has_blobs = any(_kind(column.type) == "bytes" for column in table.columns)
        rows = connection.execution_options(
            stream_results=True, yield_per=_BLOBS_AT_ONCE if has_blobs else _ROWS_AT_ONCE
        ).execute(sa.select(table).order_by(*table.primary_key.columns))
        lines, size = [], 0
        for row in rows:
            values = [
                None if value is None else encode(value)
                for encode, value in zip(encoders, row, strict=True)
            ]
            lines.append(json.dumps(values, separators=(",", ":")).encode() + b"\n")
            size += len(lines[-1])
            if size >= _PART_BYTES:
                yield Part(table.name, b"".join(lines))
                lines, size = [], 0
        if lines:
            yield Part(table.name, b"".join(lines))


def is_empty(connection: sa.Connection) -> bool:
    """Whether no table of ours has a row; tables may not be there at all."""
    there = set(sa.inspect(connection).get_table_names())
    return not any(
        connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
        for table in metadata.sorted_tables
        if table.name in there
    )


def fill(connection: sa.Connection, made: Schema, source: Iterator[Part]) -> dict[str, int]:
    """Write the rows of `source` into tables that are empty and as `made` says.

    Returns
    -------
    dict
        How many rows each table was given.

    Raises
    ------
    ValueError
        If a row is not one of its table.
    """
    counts = dict.fromkeys(made.tables, 0)
    for part in source:
        kinds = made.tables[part.table]
        columns = [sa.Column(name, _TYPES[kind]()) for name, kind in kinds.items()]
        table = sa.Table(part.table, sa.MetaData(), *columns)
        decoders = [_DECODE.get(kind, _same) for kind in kinds.values()]
        rows = []
        for line in part.content.splitlines():
            values = [
                None if value is None else decode(value)
                for decode, value in zip(decoders, json.loads(line), strict=True)
            ]
            rows.append(dict(zip(kinds, values, strict=True)))
        if rows:
            connection.execute(table.insert(), rows)
        counts[part.table] += len(rows)
    for name, number in made.numbers.items():
        _give_none_before(connection, name, number)
    return counts


def _same(value: Any) -> Any:
    return value


def _text_of(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


_ENCODE: dict[str, Callable[[Any], Any]] = {
    "instant": dt.datetime.isoformat,
    "date": dt.date.isoformat,
    "bytes": _text_of,
}
_DECODE: dict[str, Callable[[Any], Any]] = {
    "instant": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "bytes": base64.b64decode,
}


def _kind(kind: sa.types.TypeEngine[Any]) -> str:
    # A moment before a date, and text last, of which other types are kinds.
    return next(name for name, make in _TYPES.items() if isinstance(kind, _class(make)))


def _class(make: Callable[[], sa.types.TypeEngine[Any]]) -> type[Any]:
    return sa.String if make is sa.Text else make  # type: ignore[return-value]


def _numbered() -> list[sa.Table]:
    """Tables whose rows the database numbers."""
    return [t for t in metadata.sorted_tables if t.autoincrement_column is not None]


def _highest(connection: sa.Connection, table: sa.Table) -> int:
    column = table.autoincrement_column
    assert column is not None
    if connection.dialect.name == "postgresql":
        sequence = connection.scalar(sa.select(_sequence(table.name, column.name)))
        row = connection.execute(sa.text(f"SELECT last_value, is_called FROM {sequence}")).one()
        return int(row.last_value) if row.is_called else 0
    found = connection.scalar(sa.select(sa.func.max(column))) or 0
    if table.dialect_kwargs.get("sqlite_autoincrement"):
        kept = _sqlite_sequence()
        query = sa.select(kept.c.seq).where(kept.c.name == table.name)
        found = max(found, connection.scalar(query) or 0)
    return int(found)


def _give_none_before(connection: sa.Connection, name: str, number: int) -> None:
    """Let the table `name` number its next row beyond `number`."""
    if connection.dialect.name == "postgresql":
        column = metadata.tables[name].autoincrement_column
        assert column is not None
        if number:
            connection.execute(sa.select(sa.func.setval(_sequence(name, column.name), number)))
        return
    there = "sqlite_sequence" in sa.inspect(connection).get_table_names(
        sqlite_include_internal=True
    )
    if there and metadata.tables[name].dialect_kwargs.get("sqlite_autoincrement"):
        kept = _sqlite_sequence()
        connection.execute(kept.delete().where(kept.c.name == name))
        connection.execute(kept.insert().values(name=name, seq=number))


def _sequence(table: str, column: str) -> sa.Function[Any]:
    return sa.func.pg_get_serial_sequence(table, column)


def _sqlite_sequence() -> sa.Table:
    name, seq = sa.Column("name", sa.Text), sa.Column("seq", sa.Integer)
    return sa.Table("sqlite_sequence", sa.MetaData(), name, seq)
