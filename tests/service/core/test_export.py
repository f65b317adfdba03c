import datetime as dt
import random
import tracemalloc
from collections import defaultdict

import pytest
import sqlalchemy as sa

from service.core import export
from service.core.columns import Instant
from service.core.database import DatabaseError, connect
from service.core.tables import issue_paths, metadata
from service.mail import subscriber_store
from service.mail.subscriber_store import Preferences
from tests.service.support import NOW, drop_everything, publish, random_paths, record_run


def some_value(column, rng):
    """A value of the column's type that is easily lost in conversion."""
    if isinstance(column.type, Instant):
        return dt.datetime(2025, 3, 30, 0, 59, 59, rng.randrange(10**6), dt.UTC)
    if isinstance(column.type, sa.Date):
        return dt.date(2024, 2, 29) - dt.timedelta(days=rng.randrange(9999))
    if isinstance(column.type, sa.LargeBinary):
        return bytes(range(256)) + rng.randbytes(20)
    if isinstance(column.type, sa.Boolean):
        return rng.random() < 0.5
    if isinstance(column.type, sa.JSON):
        return {"z": [0.1 + 0.2, 1e-300, -0.0, None], "a": "é\u2028\n", "n": rng.random()}
    if isinstance(column.type, sa.Float):
        return rng.random()
    if isinstance(column.type, sa.Integer):
        return rng.randrange(2**31)
    length = getattr(column.type, "length", None) or 200
    return "".join(rng.choices("abcdefghijk é'\"\\\n\t☂", k=length))


def add_subscriber(connection, name):
    address = f"{name}@reader.example.org"
    subscriber_store.add_subscriber(connection, address, Preferences(300), NOW)


def fill_every_table(database):
    rng, inserted = random.Random(1), defaultdict(list)
    with database.writing() as connection:
        for table in metadata.sorted_tables:
            for at in range(3):
                row = {
                    c.name: None if c.nullable and at == 0 else some_value(c, rng)
                    for c in table.columns
                }
                for column in table.columns:
                    for key in column.foreign_keys:
                        row[column.name] = inserted[key.target_fullname][at]
                connection.execute(table.insert().values(row))
                for name, value in row.items():
                    inserted[f"{table.name}.{name}"].append(value)


def read_all_rows(database):
    with database.reading() as connection:
        return {
            table.name: connection.execute(
                sa.select(table).order_by(*table.primary_key.columns)
            ).all()
            for table in metadata.sorted_tables
        }


@pytest.fixture
def other(request, tmp_path, postgresql):
    """An empty database of the other dialect."""
    if request.getfixturevalue("database").engine.dialect.name == "postgresql":
        opened = connect(f"sqlite:///{tmp_path / 'other.sqlite'}")
    else:
        drop_everything(postgresql)
        opened = connect(postgresql)
    yield opened
    opened.close()


def test_copy_preserves_every_row_of_every_table_and_foreign_tables(database, other):
    fill_every_table(database)
    before = read_all_rows(database)
    assert all(len(rows) == 3 for rows in before.values())
    counts = export.copy_tables(database, other)
    assert counts == dict.fromkeys(before, 3)
    assert read_all_rows(other) == before
    assert other.pending()[0] == other.pending()[1]
    foreign = sa.Table("of_somebody_else", sa.MetaData(), sa.Column("x", sa.Integer))
    with database.writing() as connection:
        foreign.create(connection)
    export.copy_tables(other, database)
    assert read_all_rows(database) == before
    with database.reading() as connection:
        assert sa.inspect(connection).has_table(foreign.name)


def test_rows_are_numbered_after_those_copied(database, other):
    assert [record_run(database, period) for period in "ab"] == [1, 2]
    for source, target in ((database, other), (other, database)):
        export.copy_tables(source, target)
    assert record_run(database, "c") == 3
    with database.writing() as connection:
        add_subscriber(connection, "first")
        assert connection.scalar(sa.text("SELECT subscriber_id FROM subscribers")) == 1


def test_failed_copy_leaves_target_unchanged(database, other):
    fill_every_table(database)
    export.copy_tables(database, other)
    before = read_all_rows(database)
    with other.writing() as connection:
        add_subscriber(connection, "one")
        connection.execute(sa.text(f"DROP TABLE {metadata.sorted_tables[-1].name}"))
    with pytest.raises((DatabaseError, sa.exc.ProgrammingError)):
        export.copy_tables(other, database)
    assert read_all_rows(database) == before


def test_backup_of_other_revision_is_rejected(database):
    expected = "at migration 9999.* with the version that made it"
    with pytest.raises(DatabaseError, match=expected), database.recreating("9999"):
        pass


def test_large_rows_are_streamed(database, other):
    rng = random.Random(0)
    issue = publish(database, {"m0": random_paths("2026-01-01", 28)}, record_run(database))
    row = {"version": "v", "role": "champion", "title": "t", "encoding": "e"}
    with database.writing() as connection:
        for at in range(1, 31):
            more = {"issue_id": issue.issue_id, "model": f"m{at}", "content": rng.randbytes(10**6)}
            connection.execute(issue_paths.insert().values(row | more))
    tracemalloc.start()
    try:
        counts = export.copy_tables(database, other)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert counts["issue_paths"] == 31
    assert peak < 20 * 10**6
