"""Copy every row of every table from one database to another, SQLite or PostgreSQL."""

__all__ = ["copy_tables", "open_sqlite"]

from contextlib import closing

import sqlalchemy as sa

from service.core.database import Database, connect
from service.core.tables import metadata

_SEQUENCE = "pg_get_serial_sequence(:table, :column)"
_LAST = {
    "sqlite": "SELECT seq FROM sqlite_sequence WHERE name = :table",
    "postgresql": f"SELECT pg_sequence_last_value({_SEQUENCE}::regclass)",
}
_SET = {
    "sqlite": "INSERT OR REPLACE INTO sqlite_sequence (rowid, name, seq) VALUES "
    "((SELECT rowid FROM sqlite_sequence WHERE name = :table), :table, :last)",
    "postgresql": f"SELECT setval({_SEQUENCE}, :last)",
}


def open_sqlite(file: str) -> closing[Database]:
    """Open the SQLite database `file`, created if missing; close it after the block."""
    # Not as text: a path may hold bytes that no text has.
    return closing(connect(sa.URL.create("sqlite", database=file)))


def copy_tables(source: Database, target: Database) -> dict[str, int]:
    """Replace the rows of `target` by a snapshot of those of `source`, or change nothing.

    Return the number of rows of each table.
    """
    counts = dict.fromkeys((table.name for table in metadata.sorted_tables), 0)
    with source.reading() as reading:
        revision = reading.scalar(sa.text("SELECT version_num FROM alembic_version"))
        with target.recreating(str(revision)) as writing:
            for table in metadata.sorted_tables:
                has_blobs = any(isinstance(one.type, sa.LargeBinary) for one in table.columns)
                options = {"stream_results": True, "yield_per": 4 if has_blobs else 1000}
                query = sa.select(table).order_by(*table.primary_key.columns)
                for rows in reading.execute(query, execution_options=options).partitions():
                    writing.execute(table.insert(), [row._asdict() for row in rows])
                    counts[table.name] += len(rows)
                _continue_sequence(table, reading, writing)
    return counts


def _continue_sequence(table: sa.Table, reading: sa.Connection, writing: sa.Connection) -> None:
    """Continue numbering after the last number that `table` used, even if its row is deleted."""
    if (column := table.autoincrement_column) is None:
        return
    row = {"table": table.name, "column": column.name}
    last = reading.scalar(sa.text(_LAST[reading.dialect.name]), row)
    if last := last or reading.scalar(sa.select(sa.func.max(column))):
        writing.execute(sa.text(_SET[writing.dialect.name]), row | {"last": last})
