import contextlib
import datetime as dt
import shutil
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from service.core import database as module
from service.core.database import DatabaseError, Unavailable, connect
from service.core.tables import metadata, runs
from tests.service.support import NOW, run_concurrently
from tests.support.commands import run_command

COUNT = sa.select(sa.func.count()).select_from(runs)
RUN = {"job": "test", "started_at": NOW, "outcome": "done", "detail": {}}


def insert_run(connection, period):
    connection.execute(runs.insert().values(**RUN, period=period))


def count_runs(database):
    with database.reading() as connection:
        return connection.scalar(COUNT)


def test_failed_transaction_is_rolled_back_and_not_counted(database):
    before = database.commits
    with database.writing() as connection:
        insert_run(connection, "one")
        assert database.commits == before
    with pytest.raises(KeyError), database.writing() as connection:
        insert_run(connection, "two")
        raise KeyError
    assert count_runs(database) == 1
    assert database.commits == before + 1


def test_reader_sees_one_snapshot_during_writes(database):
    with database.reading() as reader:
        assert reader.scalar(COUNT) == 0
        with database.writing() as writer:
            insert_run(writer, "a")
        assert reader.scalar(COUNT) == 0
    assert count_runs(database) == 1


def test_concurrent_writers_are_serialised(database):
    def write():
        for at in range(10):
            with database.writing() as connection:
                connection.execute(sa.select(runs)).all()
                insert_run(connection, f"{threading.get_ident()} {at}")

    run_concurrently(4, write)
    assert count_runs(database) == 40


def test_fresh_database_can_be_migrated_concurrently(database_url):
    def migrate():
        with contextlib.closing(connect(database_url)) as opened:
            opened.migrate()

    run_concurrently(4, migrate)


def test_code_and_database_paths_may_contain_special_characters(tmp_path):
    folder = tmp_path / "a path with 100% space"
    shutil.copytree(Path(module.__file__).parents[1], folder / "service")
    program = (
        "from pathlib import Path\n"
        "from service.core import database as module\n"
        "from service.core.settings import Settings\n"
        "settings = Settings(var_dir=Path('20%31 %s'))\n"
        "module.connect(settings.database).migrate()\n"
        "print(module.__file__)"
    )
    process = run_command(sys.executable, "-c", program, cwd=folder)
    assert process.returncode == 0, process.stderr
    assert Path(process.stdout.strip()).is_relative_to(folder)
    assert (folder / "20%31 %s/crossings.sqlite").exists()


NEXT_MIGRATION = """
from alembic import op
revision, down_revision = "next", "0103"
upgrade = lambda: op.drop_index("ix_runs_outcome", "runs")
"""


def test_new_schema_matches_metadata_and_later_migrations_change_it(
    database, tmp_path, monkeypatch
):
    def read_changes():
        with database.reading() as connection:
            return compare_metadata(MigrationContext.configure(connection), metadata)

    assert database.pending() == ("0103", "0103")
    assert read_changes() == []
    with database.writing() as connection:
        insert_run(connection, "kept")
    folder = shutil.copytree(Path(module.__file__).with_name("migrations"), tmp_path / "later")
    (folder / "versions" / "next.py").write_text(NEXT_MIGRATION)
    config = module._alembic()
    config.set_main_option("script_location", str(folder))
    monkeypatch.setattr(module, "_alembic", lambda: config)
    monkeypatch.setattr(module, "_script", module._script.__wrapped__)  # without its cache
    for _ in range(2):
        database.migrate()
        assert database.pending() == ("next", "next")
    assert [(change, index.name) for change, index in read_changes()] == [
        ("add_index", "ix_runs_outcome")
    ]
    assert count_runs(database) == 1


def test_unknown_revision_is_rejected(database):
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0102'"))
    expected = "at migration 0102, which this version does not have: run the version that made it"
    with pytest.raises(DatabaseError, match=expected):
        database.migrate()


def test_one_observation_per_day_is_current(database):
    row = (
        "INSERT INTO observations (series_id, date, value, source, first_seen_at, known_at,"
        " since, marked_revised) VALUES ('people', '2025-01-01', 1, 's',"
        " '2025-01-02 14:00:00', '2025-01-02 14:00:00', '2025-01-02 14:00:00', false)"
    )
    with pytest.raises(sa.exc.IntegrityError), database.writing() as connection:
        connection.execute(sa.text(row))
        connection.execute(sa.text(row))


def test_moment_is_stored_in_utc_and_needs_a_time_zone(database):
    there = NOW.astimezone(dt.timezone(dt.timedelta(hours=5)))
    naive, aware = ({"period": "a", "started_at": at} for at in (NOW.replace(tzinfo=None), there))
    with pytest.raises(sa.exc.StatementError, match="time zone"), database.writing() as connection:
        connection.execute(runs.insert().values(**RUN | naive))
    with database.writing() as connection:
        connection.execute(runs.insert().values(**RUN | aware))
        assert connection.scalar(sa.select(runs.c.started_at)) == NOW


def test_sqlite_file_is_set_up(tmp_path):
    expected = {"journal_mode": "wal", "foreign_keys": 1, "secure_delete": 1, "synchronous": 1}
    url = f"sqlite:///{tmp_path / 'deep' / 'down' / 'x.sqlite'}"
    with contextlib.closing(connect(url)) as opened, opened.reading() as connection:
        assert expected == {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in expected
        }


def test_uncreatable_folder_gives_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatabaseError, match=r"^[^\n]*file[^\n]*$"):
        connect(f"sqlite:///{tmp_path / 'file' / 'var' / 'x.sqlite'}")


def test_exhausted_pool_raises_unavailable(tmp_path, monkeypatch):
    with contextlib.closing(connect(f"sqlite:///{tmp_path / 'x.sqlite'}")) as opened:
        monkeypatch.setattr(opened.engine.pool, "_timeout", 0)
        with (
            pytest.raises(Unavailable, match="^database: every connection is in use$"),
            contextlib.ExitStack() as held,
        ):
            for _ in range(100):
                held.enter_context(opened.reading())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_failing_writes_are_logged_once_until_one_succeeds(database, caplog):
    for times in (1, 2):
        for _ in range(2):
            with pytest.raises(Unavailable, match="read-only"), database.writing() as connection:
                connection.execute(sa.text("SET TRANSACTION READ ONLY"))
                insert_run(connection, "a")
        assert caplog.text.count("writing failed: database: cannot execute INSERT") == times
        with database.writing() as connection:
            insert_run(connection, f"{times}")


def test_integrity_error_hides_parameters(database):
    with database.writing() as connection:
        insert_run(connection, "a secret")
    with pytest.raises(sa.exc.IntegrityError) as caught, database.writing() as connection:
        insert_run(connection, "a secret")
    assert "[parameters" not in str(caught.value).replace("hidden", "")
    assert "'a secret'" not in str(caught.value)


@pytest.mark.parametrize("rows", [[], ["0100", "0099"]])
def test_alembic_version_must_have_one_row(database, rows):
    with database.writing() as connection:
        connection.execute(sa.text("DELETE FROM alembic_version"))
        for row in rows:
            connection.execute(sa.text("INSERT INTO alembic_version VALUES (:r)"), {"r": row})
    expected = f"^alembic_version: expected one row beside the tables, found {len(rows)}; "
    for method in (database.migrate, database.pending):
        with pytest.raises(DatabaseError, match=f"{expected}restore the last complete backup$"):
            method()
