"""SQLite set up for many readers beside one writer, and for secure deletion."""

__all__ = [
    "BUSY_MILLISECONDS",
    "READ_ONLY",
    "engine",
    "file_of",
    "find_write_problem",
]

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

BUSY_MILLISECONDS = 30_000
"""How long a writer waits for another."""

READ_ONLY = "database_read_only", "the database is read-only"
"""Reason code and message for a read-only database."""

_FAULTS = ("readonly database", "disk is full", "disk I/O error", "unable to open database file")
"""Parts of SQLite's messages for a read-only, full or broken disk."""

_LEAST_BYTES = 1_000_000
_FULL = "database_not_written", "the disk of the database is full"


def file_of(url: str | sa.URL) -> Path | None:
    """Return the file of a database URL; None if it is not SQLite."""
    parsed = sa.make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def engine(url: sa.URL) -> sa.Engine:
    """Open the SQLite file of `url`; create it and its folder if missing."""
    file = Path(url.database or "")
    file.parent.mkdir(parents=True, exist_ok=True)
    # Parameters may hold addresses; keep them out of errors and logs.
    opened = sa.create_engine(url, hide_parameters=True)

    @sa.event.listens_for(opened, "do_connect")
    def _open(dialect: Any, record: Any, cargs: Any, cparams: Any) -> Any:
        connection = None
        try:
            connection = dialect.connect(*cargs, **cparams)
            _prepare(connection)
        except sqlite3.Error as error:
            if connection is None:  # SQLite's message does not name the file
                raise sqlite3.OperationalError(
                    f"{error}: {file}: expected a file that user {os.geteuid()} can read and write"
                ) from error
            connection.close()
            if not _can_fall_back(file, error):
                raise
            # Used once, so that the next use notices a repaired disk.
            record.info["is_fallback"] = True
            address = f"file:{quote(str(file.absolute()))}?mode=ro&immutable=1"
            return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        return connection

    @sa.event.listens_for(opened, "checkin")
    def _drop(connection: Any, record: Any) -> None:  # noqa: ARG001
        if record.info.pop("is_fallback", False):
            record.invalidate()

    sa.event.listen(opened, "begin", _begin)
    return opened


def find_write_problem(file: Path) -> tuple[str, str] | None:
    """Reason code and message if writes would fail; a busy database is not a failure."""
    if not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)):
        return READ_ONLY
    disk = shutil.disk_usage(file.parent)
    return _FULL if disk.total > 0 and disk.free < _LEAST_BYTES else None


def _begin(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if "waits" not in options:  # to read
        connection.exec_driver_sql("BEGIN")
    elif options["waits"]:
        # A deferred transaction would fail when it upgrades from read to write after another.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql("PRAGMA busy_timeout=0")
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")


def _prepare(connection: Any) -> None:
    connection.isolation_level = None  # we begin transactions explicitly
    connection.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    try:
        connection.execute("PRAGMA journal_mode=WAL")  # stays with the file
    except sqlite3.OperationalError as error:
        # It does not wait for another process, which switches the new file too.
        if error.sqlite_errorname != "SQLITE_BUSY":
            raise
    for pragma in (
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "secure_delete=ON",  # overwrite deleted data, such as addresses
    ):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # opens the WAL


def _can_fall_back(file: Path, error: sqlite3.Error) -> bool:
    """Whether the file is complete and unreadable only because no WAL can be created."""
    log = file.with_name(f"{file.name}-wal")
    is_whole = not log.exists() or log.stat().st_size == 0
    return is_whole and file.is_file() and any(words in str(error) for words in _FAULTS)
