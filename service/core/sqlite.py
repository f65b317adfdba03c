"""SQLite as we want it: many read beside one who writes, and what is deleted is gone."""

from __future__ import annotations

__all__ = [
    "BUSY_MILLISECONDS",
    "READ_ONLY",
    "StandIn",
    "compact",
    "engine",
    "file_of",
    "not_written",
]

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

BUSY_MILLISECONDS = 30_000
"""How long one who writes waits for another."""

READ_ONLY = "database_read_only", "the database can be read and not written"
"""Name and sentence of a database that refuses to be written."""

_LEAST_BYTES = 1_000_000
_FULL = "database_not_written", "the disk of the database is full"
_READ_ONLY = "readonly database"
_NO_LOG = (_READ_ONLY, "disk is full", "disk I/O error", "unable to open database file")


class StandIn(sqlite3.Connection):
    """A connection that reads the file as it lies, for want of one that keeps a log beside it.

    SQLite cannot read on a full disk, or in a folder that may not be written, without this. It
    is used once, so that the next use finds out whether the disk has healed.
    """

    is_used = False


def file_of(url: str | sa.URL) -> Path | None:
    """Return the file that a database URL names; None where it is no SQLite or in memory."""
    parsed = sa.make_url(url)
    name = parsed.database if parsed.get_backend_name() == "sqlite" else None
    return Path(name) if name and name != ":memory:" else None


def engine(url: sa.URL) -> sa.Engine:
    """Open the file that `url` names; it and its folder are made when missing."""
    file = file_of(url)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    # Parameters may hold addresses, which no error and no log repeats.
    opened = sa.create_engine(url, hide_parameters=True)

    @sa.event.listens_for(opened, "do_connect")
    def _open(dialect: Any, record: Any, cargs: Any, cparams: Any) -> Any:  # noqa: ARG001
        connection = dialect.connect(*cargs, **cparams)
        try:
            _prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            if file is None or not _can_stand_in(file, error):
                raise
            return _stand_in(file)
        return connection

    @sa.event.listens_for(opened, "checkout")
    def _renew(connection: Any, record: Any, proxy: Any) -> None:  # noqa: ARG001
        if isinstance(connection, StandIn):
            if connection.is_used:
                raise sa.exc.DisconnectionError
            connection.is_used = True

    sa.event.listen(opened, "begin", _begin)
    return opened


def compact(opened: sa.Engine) -> int:
    """Give the disk back what deleted rows held; the bytes by which the file is smaller.

    While it lasts the disk needs room for the rows twice more: in a copy, and in SQLite's log.
    """
    file = Path(opened.url.database or "")
    with opened.execution_options(one_statement=True).connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        before = file.stat().st_size
        connection.exec_driver_sql("VACUUM")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return before - file.stat().st_size


def not_written(connection: Any, opened: sa.Engine) -> tuple[str, str] | None:
    """Name and sentence of what would refuse a write; a busy database does not."""
    if _is_full(opened.url.database or ":memory:"):
        return _FULL
    return READ_ONLY if _is_read_only(connection) else None


def _is_full(file: str) -> bool:
    """Whether the disk has no room for another row, which nobody who only reads would notice."""
    if file == ":memory:":
        return False
    try:
        disk = os.statvfs(Path(file).parent)
    except OSError:  # whoever asks the database next is told
        return False
    free = disk.f_bfree if os.geteuid() == 0 else disk.f_bavail  # some is kept for root
    return disk.f_blocks > 0 and free * disk.f_frsize < _LEAST_BYTES


def _is_read_only(connection: Any) -> bool:
    with _impatient(connection):
        try:
            connection.execute("BEGIN IMMEDIATE")
            # Which is as good as BEGIN where nothing can be written: this is not.
            connection.execute("DELETE FROM alembic_version WHERE 0")
        except sqlite3.Error as error:
            return _READ_ONLY in str(error)
        finally:
            with suppress(sqlite3.Error):  # when it was not begun
                connection.execute("ROLLBACK")
    return False


def _begin(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("one_statement"):
        return  # a statement sees one state anyway
    options = connection.get_execution_options()
    if not options.get("begin_immediate"):
        connection.exec_driver_sql("BEGIN")
    elif options["waits"]:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        with _impatient(connection.connection.dbapi_connection):
            connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def _impatient(connection: Any) -> Iterator[None]:
    """Let a connection wait for nobody."""
    connection.execute("PRAGMA busy_timeout=0")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")


def _prepare(connection: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say
    for pragma in (
        # First: turning a fresh file to WAL already meets the others that do so.
        f"busy_timeout={BUSY_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "secure_delete=ON",  # what is deleted, such as an address, is overwritten
    ):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # only this opens the log


def _can_stand_in(file: Path, error: sqlite3.Error) -> bool:
    """Whether the file holds all there is, and is not read for want of a log."""
    log = file.with_name(f"{file.name}-wal")
    is_whole = not log.exists() or log.stat().st_size == 0
    return is_whole and file.is_file() and any(words in str(error) for words in _NO_LOG)


def _stand_in(file: Path) -> StandIn:
    return sqlite3.connect(
        f"file:{quote(str(file.absolute()))}?mode=ro&immutable=1",
        uri=True,
        factory=StandIn,
        isolation_level=None,
        check_same_thread=False,
    )
