"""Copy every row of every table from one database to another, SQLite or PostgreSQL."""

__all__ = ["copy_tables", "open_sqlite"]

from contextlib import closing

import sqlalchemy as sa

from service.core.database import Database, connect
from service.core.tables import metadata


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
                number = table.autoincrement_column
                if number is not None and writing.dialect.name == "postgresql":
                    # SQLite numbers new rows after the highest by itself.
                    sequence = sa.func.pg_get_serial_sequence(table.name, number.name)
                    writing.execute(sa.select(sa.func.setval(sequence, sa.func.max(number))))
    return counts
