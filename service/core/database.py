"""The connection to the database, and its schema."""

from __future__ import annotations

__all__ = ["Connection", "Database", "DatabaseError", "Unavailable", "connect"]

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from service.core import sqlite
from service.core.locks import ProcessLock
from service.core.tables import metadata, runs

Connection = sa.Connection
# A host that has gone silent must not hold a worker, or a heart, for as long as TCP would wait.
_PATIENCE = {"connect_timeout": 5, "keepalives_idle": 30, "tcp_user_timeout": 20_000}
_MIGRATING = 0x63726F7373  # any number that is always the same
_LOOK_SECONDS = 5.0
_FAILED_SECONDS = 3600.0  # after which a write that failed says little of the next one
# SQLite's words and PostgreSQL's codes for: may not be written; no room; the disk is broken.
_READ_ONLY = ("readonly database", "25006")
_NO_ROOM = ("disk is full", "disk I/O error", "unable to open database file", "53100", "58030")
_log = logging.getLogger(__name__)


class DatabaseError(RuntimeError):
    """A database that cannot be used as it stands; the message says what to do."""


class Unavailable(DatabaseError):
    """A database that does not answer; the message is one line, without any statement."""


class Database:
    """One database: reading, writing, migrating.

    Whatever asks it raises `Unavailable` when it does not answer.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._glancing = engine.execution_options(one_statement=True)
        self._watching: sa.Connection | None = None
        self._lock = threading.Lock()
        self._looked: tuple[float, tuple[str, str] | None] | None = None
        self._failed: tuple[float, str] | None = None

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a connection whose reads all see one state."""
        with _one_line(), self.engine.connect() as connection:
            if self.engine.dialect.name == "postgresql":  # where each statement has its own
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def glancing(self) -> Iterator[sa.Connection]:
        """Open a connection for one short statement that reads, without a transaction about it."""
        with _one_line(), self._glancing.connect() as connection:
            yield connection

    def version(self) -> int | None:
        """A number that differs after every change by anyone; None where there is none to be had.

        SQLite tells each connection of the commits of all others; ours that listens writes nothing.
        """
        if self.engine.dialect.name != "sqlite":
            return None
        with _one_line(), self._lock:
            listener = self._listener()
            if isinstance(listener, sqlite.StandIn):  # which is told of nothing
                return None
            data_version: int = listener.execute("PRAGMA data_version").fetchone()[0]
            return data_version

    def not_written(self) -> tuple[str, str] | None:
        """Name and sentence of what keeps us from writing, looked at every few seconds."""
        now = time.monotonic()
        if self._looked is None or now - self._looked[0] > _LOOK_SECONDS:
            self._looked = now, self._look()
        if self._looked[1]:
            return self._looked[1]
        failed = self._failed
        if failed and now - failed[0] < _FAILED_SECONDS:
            return "database_not_written", f"the last write failed: {failed[1]}"
        return None

    def _look(self) -> tuple[str, str] | None:
        """What would refuse a transaction that writes; a busy database does not."""
        if self.engine.dialect.name == "postgresql":
            with self.glancing() as connection:
                setting = sa.func.current_setting("transaction_read_only")
                is_read_only = connection.scalar(sa.select(setting)) == "on"
                return sqlite.READ_ONLY if is_read_only else None
        with _one_line(), self._lock:
            return sqlite.not_written(self._listener(), self.engine)

    def _listener(self) -> Any:
        """SQLite's own connection that stores nothing, kept open unless it is a stand-in."""
        raw = self._watching and self._watching.connection.dbapi_connection
        if self._watching is not None and isinstance(raw, sqlite.StandIn):
            self._watching.close()
            self._watching = None
        if self._watching is None:
            self._watching = self._glancing.connect()
            raw = self._watching.connection.dbapi_connection
        return raw

    @contextmanager
    def writing(self, waits: bool = True) -> Iterator[sa.Connection]:
        """Open a transaction: all of it is stored, or nothing.

        Without `waits` it is `Unavailable` while others write: bookkeeping beside a question.
        """
        with self._noted(), _one_line(), self.engine.connect() as connection:
            # SQLite would begin as a reader and fail when it turns writer behind another one.
            if self.engine.dialect.name == "sqlite":
                connection = connection.execution_options(begin_immediate=True, waits=waits)
            with connection.begin():
                if not waits and self.engine.dialect.name == "postgresql":
                    connection.execute(sa.text("SET LOCAL lock_timeout = 1"))  # ms; 0 is for ever
                yield connection

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Remember a write that failed for want of room or of the right, until one succeeds."""
        try:
            yield
        except Unavailable as error:
            orig = getattr(error.__cause__, "orig", None)
            text = f"{error} {getattr(orig, 'sqlstate', None) or ''}"
            if any(words in text for words in (*_READ_ONLY, *_NO_ROOM)):
                if self._failed is None:  # once, not for each attempt
                    _log.warning("the last write failed: %s", error)
                self._failed = time.monotonic(), str(error)
            raise
        self._failed = None

    def compact(self) -> int | None:
        """Give the disk back what deleted rows held; bytes, or None where the server sees to it."""
        if self.engine.dialect.name != "sqlite":
            return None
        with self._noted(), _one_line():
            return sqlite.compact(self.engine)

    def migrate(self) -> None:
        """Bring the schema to this version of the program; does nothing when it is there."""
        now, head = self.pending()  # one that may not be written is read as it stands
        if now == head:
            return
        if now is not None and not self.is_known(now):
            unknown = f"migration {now}, which this version does not have"
            raise DatabaseError(f"the database is at {unknown}: {self.remedy()}")
        with self.writing() as connection:
            self._wait_for_turn(connection)
            now = _revision(connection)
            if now == head:
                return
            if now is None:
                _create(connection)
            else:
                config = _alembic()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        _log.info("database migrated from %s to %s", now, head)

    def pending(self) -> tuple[str | None, str | None]:
        """The migration that the database is at, and the one that this version brings it to."""
        with self.reading() as connection:
            return _revision(connection), _script().get_current_head()

    @staticmethod
    def is_known(revision: str | None) -> bool:
        """Whether this version has such a migration."""
        return revision in {one.revision for one in _script().walk_revisions()}

    def remedy(self) -> str:
        """What to do with a database whose migration this version does not have."""
        file = self.engine.url.database if self.engine.dialect.name == "sqlite" else None
        empty = f"move {file} away" if file else "name an empty one in CROSSINGS_DATABASE_URL"
        return f"run the version that made it, or {empty} to start anew"

    @contextmanager
    def renewing(self, revision: str) -> Iterator[sa.Connection]:
        """A transaction over our tables, dropped and made anew; when it fails all is as it was.

        Raises
        ------
        DatabaseError
            If `revision`, at which the rows were read, is not that of this version.
        """
        head = _script().get_current_head()
        if revision != head:
            raise DatabaseError(
                f"the backup is at migration {revision}, this version at {head}: "
                "restore it with the version that made it"
            )
        with self.writing() as connection:
            self._wait_for_turn(connection)
            existing = sa.MetaData()
            named = set(sa.inspect(connection).get_table_names())
            existing.reflect(connection, only=sorted(named & {*metadata.tables, "alembic_version"}))
            existing.drop_all(connection)
            _create(connection)
            yield connection

    @staticmethod
    def _wait_for_turn(connection: sa.Connection) -> None:
        if connection.dialect.name == "postgresql":  # one at a time, as on SQLite anyway
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))

    def lock(self, name: str) -> ProcessLock:
        """A lock beside this database, not yet taken."""
        return ProcessLock(self.engine, name)

    @staticmethod
    def hold(lock: ProcessLock) -> bool:
        """Take `lock` without waiting; whether it is held now."""
        try:
            with _one_line():
                return lock.acquire()
        except OSError as error:
            raise Unavailable(f"{error.filename}: {error.strerror}") from error

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Hold the lock `name` if it is free; yields whether it is held."""
        lock = self.lock(name)
        is_held = self.hold(lock)
        try:
            yield is_held
        finally:
            lock.release()

    def close(self) -> None:
        """Give back every connection."""
        with self._lock:
            if self._watching is not None:
                self._watching.close()
                self._watching = None
        self.engine.dispose()


def connect(url: str) -> Database:
    """Open the database at `url`; a SQLite file and its folder are made when missing."""
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return Database(sqlite.engine(parsed))
        if parsed.get_backend_name() != "postgresql":
            raise ValueError(f"expected sqlite or postgresql, found {parsed.get_backend_name()!r}")
        if parsed.drivername == "postgresql":  # whose driver would be one that is not installed
            parsed = parsed.set(drivername="postgresql+psycopg")
        return Database(
            sa.create_engine(
                parsed, pool_pre_ping=True, hide_parameters=True, connect_args=dict(_PATIENCE)
            )
        )
    except (sa.exc.ArgumentError, ImportError, ValueError) as error:
        raise DatabaseError(f"CROSSINGS_DATABASE_URL: {error}") from error
    except OSError as error:
        raise DatabaseError(f"{error.filename}: {error.strerror}") from error


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except sa.exc.DBAPIError as error:
        # The others say that a statement is wrong, which is a defect of ours.
        plain = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.DatabaseError)
        if type(error) in plain or getattr(error.orig, "sqlstate", None) in _READ_ONLY:
            raise Unavailable(f"database: {' '.join(str(error.orig).split())}") from error
        raise
    except sa.exc.TimeoutError as error:
        raise Unavailable("database: every connection is in use") from error


def _revision(connection: sa.Connection) -> str | None:
    rows = MigrationContext.configure(connection).get_current_heads()
    if len(rows) > 1 or (not rows and sa.inspect(connection).has_table(runs.name)):
        reason = f"expected one row beside the tables, found {len(rows)}"
        raise DatabaseError(f"alembic_version: {reason}; restore the last whole backup")
    return rows[0] if rows else None


def _create(connection: sa.Connection) -> None:
    """Make the tables as they are declared; a new database needs none of the migrations."""
    metadata.create_all(connection, checkfirst=False)
    MigrationContext.configure(connection).stamp(_script(), "head")


@cache
def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_alembic())


def _alembic() -> Config:
    config = Config()
    # The name of the package and no path: a configuration reads a "%" as the start of a variable.
    config.set_main_option("script_location", "service.core:migrations")
    return config
