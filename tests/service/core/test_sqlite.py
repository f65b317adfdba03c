import contextlib
import shutil
import sqlite3

import psutil
import pytest

from service.core import run_store, sqlite
from service.core.database import Unavailable, connect
from tests.service.support import NOW, write_problem_of
from tests.support.small_disk import fill, small_disk


@pytest.fixture
def small(tmp_path):
    with small_disk(tmp_path / "small") as folder:
        yield folder


def open_migrated(file):
    database = connect(f"sqlite:///{file}")
    database.migrate()
    return database


def claim_run(database, period):
    with database.writing() as connection:
        run_store.claim_run(connection, "x", period, NOW)


def periods(database):
    with database.reading() as connection:
        return [run.period for run in reversed(run_store.list_recent(connection, "x"))]


def test_full_disk_stays_readable_and_recovers(small):
    database = open_migrated(small / "x.sqlite")
    claim_run(database, "1")
    database.close()  # which removes the WAL file, so that the next reader must create it
    ballast = fill(small)
    database = open_migrated(small / "x.sqlite")
    for _ in range(3):
        assert periods(database) == ["1"]
        problem = ("database_not_written", "the disk of the database is full")
        assert write_problem_of(database) == problem
    with pytest.raises(Unavailable, match="^database: attempt to write a readonly database$"):
        claim_run(database, "2")
    ballast.unlink()
    claim_run(database, "2")
    assert periods(database) == ["1", "2"]
    assert write_problem_of(database) is None
    database.close()


def test_non_empty_wal_is_not_skipped_on_full_disk(small):
    database = open_migrated(small / "x.sqlite")
    database.close()  # which moves the tables from the WAL into the file
    claim_run(database, "1")
    for file in small.glob("x.sqlite*"):
        if not file.name.endswith("-shm"):  # as after a kill; SQLite recreates this one
            shutil.copy(file, small / file.name.replace("x.sqlite", "y.sqlite"))
    database.close()
    assert (small / "y.sqlite-wal").stat().st_size > 0
    ballast = fill(small)
    database = connect(f"sqlite:///{small}/y.sqlite")
    with pytest.raises(Unavailable):  # the file alone lacks the run
        periods(database)
    ballast.unlink()
    assert periods(database) == ["1"]
    database.close()


def test_file_that_is_not_a_database_is_closed(tmp_path):
    file = tmp_path / "x.sqlite"
    file.write_bytes(b"not a database" * 1000)
    database = connect(f"sqlite:///{file}")
    with pytest.raises(Unavailable, match="not a database") as caught:
        periods(database)
    assert caught.tb, "the traceback keeps the frames alive"
    assert str(file) not in {opened.path for opened in psutil.Process().open_files()}
    database.close()


def test_write_that_does_not_wait_leaves_later_ones_waiting(tmp_path):
    with contextlib.closing(connect(f"sqlite:///{tmp_path / 'x.sqlite'}")) as opened:
        with opened.writing(waits=False):
            pass
        with opened.writing() as connection:  # over the same connection
            timeout = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
    assert timeout == sqlite.BUSY_MILLISECONDS


def test_new_file_that_another_process_writes_is_switched_to_wal_later(tmp_path):
    file = tmp_path / "new.sqlite"
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("CREATE TABLE other (x)")
        other.execute("BEGIN IMMEDIATE")
        for mode in ("delete", "wal"):
            with contextlib.closing(connect(f"sqlite:///{file}")) as opened:
                with opened.reading() as connection:
                    assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == mode
            other.execute("COMMIT" if other.in_transaction else "SELECT 1")


def test_file_that_cannot_be_opened_is_named(tmp_path):
    with contextlib.closing(connect(f"sqlite:///{tmp_path}")) as opened:
        with pytest.raises(Unavailable, match=f"{tmp_path}: expected a file"), opened.writing():
            pass
