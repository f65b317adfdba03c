"""Every row of every table as text, and back: the same on each kind of database."""

from __future__ import annotations

__all__ = ["Part", "Schema", "fill", "is_empty", "metadata", "parts", "schema"]

import base64
import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from service.core.tables import metadata

_PART_BYTES = 4 * 1024 * 1024
_ROWS_AT_ONCE, _BLOBS_AT_ONCE = 1000, 8
_DECODE: dict[type, Callable[[Any], Any]] = {
    dt.datetime: dt.datetime.fromisoformat,
    dt.date: dt.date.fromisoformat,
    bytes: base64.b64decode,
}


@dataclass(frozen=True)
class Schema:
    """The migration that made the tables, and the highest number given by each that numbers rows.

    A number is not given again, though its row is gone.
    """

    revision: str
    numbers: dict[str, int]


@dataclass(frozen=True)
class Part:
    """Some rows of a table, a JSON list a line."""

    table: str
    content: bytes


def schema(connection: sa.Connection) -> Schema:
    """The tables as they are; the database is at this version's migration."""
    version = sa.table("alembic_version", sa.column("version_num", sa.String))
    revision = connection.scalar(sa.select(version.c.version_num))
    assert isinstance(revision, str)
    numbered = [t for t in metadata.sorted_tables if t.autoincrement_column is not None]
    return Schema(revision, {table.name: _highest(connection, table) for table in numbered})


def parts(connection: sa.Connection) -> Iterator[Part]:
    """Every row, in the order of the keys, in parts of a few megabytes."""
    for table in metadata.sorted_tables:
        has_blobs = any(column.type.python_type is bytes for column in table.columns)
        rows = connection.execution_options(
            stream_results=True, yield_per=_BLOBS_AT_ONCE if has_blobs else _ROWS_AT_ONCE
        ).execute(sa.select(table).order_by(*table.primary_key.columns))
        lines, size = [], 0
        for row in rows:
            line = json.dumps(list(row), separators=(",", ":"), default=_text_of).encode() + b"\n"
            lines.append(line)
            size += len(line)
            if size >= _PART_BYTES:
                yield Part(table.name, b"".join(lines))
                lines, size = [], 0
        if lines:
            yield Part(table.name, b"".join(lines))


def is_empty(connection: sa.Connection) -> bool:
    """Whether no table of ours has a row; tables may not be there at all."""
    existing = set(sa.inspect(connection).get_table_names())
    return not any(
        connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
        for table in metadata.sorted_tables
        if table.name in existing
    )


def fill(
    connection: sa.Connection, source_schema: Schema, source: Iterator[Part]
) -> dict[str, int]:
    """Write the rows of `source` into empty tables; return how many each table was given.

    Raises
    ------
    ValueError
        If a row is not one of its table.
    """
    counts = dict.fromkeys((table.name for table in metadata.sorted_tables), 0)
    for part in source:
        table = metadata.tables[part.table]
        decoders = {c.name: _DECODE.get(c.type.python_type, _same) for c in table.columns}
        rows = [
            {
                name: None if value is None else decode(value)
                for (name, decode), value in zip(decoders.items(), json.loads(line), strict=True)
            }
            for line in part.content.splitlines()
        ]
        connection.execute(table.insert(), rows)
        counts[part.table] += len(rows)
    for name, number in source_schema.numbers.items():
        _give_none_before(connection, metadata.tables[name], number)
    return counts


def _text_of(value: dt.datetime | dt.date | bytes) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value.isoformat()


def _same(value: Any) -> Any:
    return value


def _highest(connection: sa.Connection, table: sa.Table) -> int:
    if connection.dialect.name == "postgresql":
        sequence = connection.scalar(sa.select(_sequence(table)))
        row = connection.execute(sa.text(f"SELECT last_value, is_called FROM {sequence}")).one()
        return int(row.last_value) if row.is_called else 0
    highest = connection.scalar(sa.select(sa.func.max(table.autoincrement_column))) or 0
    if table.dialect_kwargs.get("sqlite_autoincrement"):
        query = sa.select(_KEPT.c.seq).where(_KEPT.c.name == table.name)
        highest = max(highest, connection.scalar(query) or 0)
    return int(highest)


def _give_none_before(connection: sa.Connection, table: sa.Table, number: int) -> None:
    """Let `table` number its next row beyond `number`."""
    if connection.dialect.name == "postgresql":
        if number:
            connection.execute(sa.select(sa.func.setval(_sequence(table), number)))
    elif table.dialect_kwargs.get("sqlite_autoincrement"):
        connection.execute(_KEPT.delete().where(_KEPT.c.name == table.name))
        connection.execute(_KEPT.insert().values(name=table.name, seq=number))


def _sequence(table: sa.Table) -> sa.Function[Any]:
    assert table.autoincrement_column is not None
    return sa.func.pg_get_serial_sequence(table.name, table.autoincrement_column.name)


_KEPT = sa.table("sqlite_sequence", sa.column("name", sa.Text), sa.column("seq", sa.Integer))
