"""Locks that are released when their process dies.

On PostgreSQL a lock is an advisory lock of its own session; beside SQLite it is a locked file. The
server or operating system releases it however the process ends. Poolers that share sessions
between clients, such as PgBouncer in transaction mode, break this.
"""

__all__ = ["SCHEDULER", "ProcessLock", "is_held", "try_lock"]

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from service.core.database import Database, Unavailable, connect, one_line_errors

SCHEDULER = "scheduler"
"""Name of the scheduler's lock."""

# The server ends the session of a silent client within 50 seconds.
_KEEPALIVE = {"tcp_keepalives_idle": 20, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3}


class ProcessLock:
    """A lock beside a database that one process at a time holds; child processes do not inherit it.

    Its name, such as ``scheduler`` or ``run-12``, consists of letters, digits and dashes.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._engine = database.engine
        self._name = name
        self._session: sa.Connection | None = None
        self._file: int | None = None

    def acquire(self) -> bool:
        """Acquire the lock without waiting; True if it is held, including from before.

        A lock lost with its database session is acquired again if it is free. Raises `Unavailable`
        if the database does not answer or the lock file cannot be created.
        """
        with one_line_errors():
            if self._engine.dialect.name == "postgresql":
                return self._acquire_session()
            try:
                return self._acquire_file()
            except OSError as error:
                raise Unavailable(f"{error.filename}: {error.strerror}") from error

    def release(self) -> None:
        """Release the lock; do nothing if it is not held."""
        if self._session is not None:
            # Unlock explicitly: the server takes a moment to end a session.
            with contextlib.suppress(sa.exc.DBAPIError):
                self._session.execute(sa.select(sa.func.pg_advisory_unlock(_key(self._name))))
            self._close_session(self._session)
        if self._file is not None:
            # Remove before unlocking; anyone who has opened it sees that it is gone.
            _path(self._engine, self._name).unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    def _acquire_session(self) -> bool:
        if self._session is not None:
            try:
                self._session.execute(sa.select(1))
                return True
            except sa.exc.DBAPIError:  # the session, and the lock with it, is lost
                self._close_session(self._session)
        # A pool of its own: a lock must not use up the connections of the others.
        session = connect(self._engine.url).engine.connect()
        session = session.execution_options(isolation_level="AUTOCOMMIT")
        try:
            for setting, value in _KEEPALIVE.items():
                session.execute(sa.text(f"SET {setting} = {value}"))
            if session.scalar(sa.select(sa.func.pg_try_advisory_lock(_key(self._name)))):
                self._session = session
        finally:
            if self._session is None:
                self._close_session(session)
        return self._session is not None

    def _close_session(self, session: sa.Connection) -> None:
        session.invalidate()  # closes the socket even if the server does not answer
        session.close()
        self._session = None

    def _acquire_file(self) -> bool:
        if self._file is not None:
            return True
        path = _path(self._engine, self._name)
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Another process may have removed the file in between.
                if path.exists() and os.path.samestat(os.fstat(file), path.stat()):
                    self._file = file
                    return True
                os.close(file)
            except BlockingIOError:
                os.close(file)
                return False


@contextlib.contextmanager
def try_lock(database: Database, name: str) -> Iterator[bool]:
    """Hold the lock `name` if it is free; yield whether it is held."""
    lock = ProcessLock(database, name)
    is_held = lock.acquire()
    try:
        yield is_held
    finally:
        lock.release()


def is_held(connection: sa.Connection, name: str) -> bool:
    """Whether a process holds the lock `name`."""
    if connection.dialect.name == "postgresql":
        query = sa.text(
            "SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database "
            "WHERE locktype = 'advisory' AND granted AND datname = current_database() "
            "AND objsubid = 1 AND (classid::bigint << 32) | objid::bigint = :key"
        )
        return connection.execute(query, {"key": _key(name)}).first() is not None
    path = _path(connection.engine, name)
    if not path.exists():  # a held lock has its file
        return False
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _path(engine: sa.Engine, name: str) -> Path:
    """Return the lock file, in a folder beside the SQLite file."""
    return Path(f"{engine.url.database}-locks") / f"{name}.lock"


def _key(name: str) -> int:
    """Return the 64-bit signed key of an advisory lock."""
    digest = hashlib.sha256(f"crossings {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
