"""Locks that die with their process.

On PostgreSQL a lock is an advisory lock of a session of its own; beside SQLite it is a locked file.
The server or the operating system releases it when the process ends, however it ends. Poolers
that share sessions between clients, such as PgBouncer in transaction mode, break this.
"""

from __future__ import annotations

__all__ = ["SCHEDULER", "ProcessLock", "is_held"]

import contextlib
import fcntl
import hashlib
import os
import threading
from pathlib import Path
from urllib.parse import unquote

import sqlalchemy as sa

SCHEDULER = "scheduler"
"""Name of the lock that the process which schedules the jobs holds."""

# A session whose client has gone silent is ended by the server within 50 seconds.
_KEEPALIVE = {
    "tcp_keepalives_idle": 20,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
}
_CLIENT = {"connect_timeout": 5, "keepalives_idle": 20, "keepalives_interval": 10}
_CLIENT |= {"keepalives_count": 3, "tcp_user_timeout": 20_000}


class ProcessLock:
    """A lock beside a database that one process at a time holds; children do not inherit it.

    Its name, such as ``scheduler`` or ``run-12``, has letters, digits and dashes.
    """

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._guard = threading.Lock()
        self._session: sa.Connection | None = None
        self._file: int | None = None

    def acquire(self) -> bool:
        """Take the lock without waiting; True when it is held now, also if it was before.

        A lock that was lost with its database session is taken again, if it is free. The database
        may not answer (`DBAPIError`), or the file beside SQLite not be made (`OSError`).
        """
        with self._guard:
            if self._engine.dialect.name == "postgresql":
                return self._acquire_session()
            return self._acquire_file()

    def release(self) -> None:
        """Give the lock back; does nothing when it is not held."""
        with self._guard:
            if self._session is not None:
                # Whoever tries next finds it free; the end of a session takes the server a moment.
                with contextlib.suppress(sa.exc.DBAPIError):
                    self._session.execute(sa.select(sa.func.pg_advisory_unlock(_key(self._name))))
                self._close_session(self._session)
            if self._file is not None:
                # Removed before it is unlocked; whoever opened it before sees that it is gone.
                path = _path(self._engine, self._name)
                assert path is not None  # the file is there
                path.unlink(missing_ok=True)
                os.close(self._file)
            self._session = self._file = None

    def _acquire_session(self) -> bool:
        if self._session is not None:
            try:
                self._session.execute(sa.select(1))
            except sa.exc.DBAPIError:  # the lock went with the session
                self._close_session(self._session)
                self._session = None
            else:
                return True
        session = sa.create_engine(
            self._engine.url,
            poolclass=sa.NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args=dict(_CLIENT),
        ).connect()
        try:
            for setting, value in _KEEPALIVE.items():
                session.execute(sa.text(f"SET {setting} = {value}"))
            if session.scalar(sa.select(sa.func.pg_try_advisory_lock(_key(self._name)))):
                self._session = session
                return True
        finally:
            if self._session is not session:
                self._close_session(session)
        return False

    @staticmethod
    def _close_session(session: sa.Connection) -> None:
        session.invalidate()  # closes the socket even when the server does not answer
        session.close()

    def _acquire_file(self) -> bool:
        path = _path(self._engine, self._name)
        if self._file is not None or path is None:
            return True
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Another process may have removed the file between the two calls.
                if path.exists() and os.path.samestat(os.fstat(file), path.stat()):
                    self._file = file
                    return True
                os.close(file)
            except BlockingIOError:
                os.close(file)
                return False


def is_held(connection: sa.Connection, name: str) -> bool:
    """Whether a process holds the lock `name`."""
    if connection.dialect.name == "postgresql":
        query = sa.text(
            "SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
            "WHERE locktype = 'advisory' AND granted AND datname = current_database() "
            "AND objsubid = 1 AND classid::bigint = :high AND objid::bigint = :low"
        )
        key = _key(name) & 0xFFFFFFFFFFFFFFFF
        values = {"high": key >> 32, "low": key & 0xFFFFFFFF}
        return connection.execute(query, values).first() is not None
    path = _path(connection.engine, name)
    if path is None or not path.exists():  # a lock that is held has its file
        return False
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _path(engine: sa.Engine, name: str) -> Path | None:
    """The file of a lock, in a folder beside the database; None for one in memory."""
    database = engine.url.database or ":memory:"
    if database.startswith("file:"):
        database = unquote(database.removeprefix("file:"))
    return None if database == ":memory:" else Path(f"{database}-locks") / f"{name}.lock"


def _key(name: str) -> int:
    """The number of an advisory lock: 64 bits, signed."""
    digest = hashlib.sha256(f"crossings {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
