"""The connection to the database, and its schema."""

__all__ = [
    "UNKNOWN_REMEDY",
    "Connection",
    "Database",
    "DatabaseError",
    "Unavailable",
    "connect",
    "has_tables",
    "insert",
    "one_line_errors",
    "this_migration",
]

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect

from service.core import sqlite
from service.core.tables import metadata, runs

Connection = sa.Connection
# Do not wait for a silent host as long as TCP would.
_PATIENCE = {"connect_timeout": 5, "keepalives_idle": 20, "keepalives_interval": 10}
_PATIENCE |= {"keepalives_count": 3, "tcp_user_timeout": 20_000}
_MIGRATING = 0x63726F7373  # any constant
_READ_ONLY = "25006"  # PostgreSQL's code
UNKNOWN_REMEDY = "run the version that made it, or name an empty database to start afresh"
"""What to do with a database whose migration is not in this version."""
_log = logging.getLogger(__name__)


class DatabaseError(RuntimeError):
    """A database that cannot be used in its present state; the message says what to do."""


class Unavailable(DatabaseError):
    """A database that does not answer; the message is one line without SQL."""


class Database:
    """One database: reading, writing and migrating.

    Every method raises `Unavailable` when the database does not answer.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._file = sqlite.file_of(engine.url)
        self._is_failing = False
        self.commits = 0
        """Number of commits of this process."""

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a connection whose reads all see the same snapshot."""
        with one_line_errors(), self.engine.connect() as connection:
            if self._file is None:  # PostgreSQL reads what is committed by default
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    def write_problem(self, connection: sa.Connection) -> tuple[str, str] | None:
        """Reason code and message if writes would fail; a busy database is not a failure."""
        if self._file is not None:
            return sqlite.find_write_problem(self._file)
        setting = sa.select(sa.func.current_setting("transaction_read_only"))
        return sqlite.READ_ONLY if connection.scalar(setting) == "on" else None

    @contextmanager
    def writing(self, waits: bool = True) -> Iterator[sa.Connection]:
        """Open a transaction that is stored completely or not at all.

        Without `waits`, raise `Unavailable` at once if another writer holds the database.
        """
        try:
            with one_line_errors(), self.engine.connect() as connection:
                with connection.execution_options(waits=waits).begin():
                    if not waits and self._file is None:
                        connection.execute(sa.text("SET LOCAL lock_timeout = 1"))  # ms; 0: no limit
                    yield connection
        except Unavailable as error:
            if waits and not self._is_failing:  # log once, not at each attempt
                _log.warning("writing failed: %s", error)
                self._is_failing = True
            raise
        self._is_failing = False
        self.commits += 1

    def migrate(self) -> None:
        """Migrate the schema to this version; do nothing if it is current."""
        now, head = self.pending()  # a read-only database is used as it is
        if now == head:
            return
        if now is not None and not self.is_known(now):
            unknown = f"migration {now}, which this version does not have"
            raise DatabaseError(f"the database is at {unknown}: {UNKNOWN_REMEDY}")
        with self._migrating() as connection:
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

    def pending(self) -> tuple[str | None, str]:
        """Return the database's current migration and the one that this version needs."""
        with self.reading() as connection:
            return _revision(connection), this_migration()

    @staticmethod
    def is_known(revision: str | None) -> bool:
        """Whether this version includes the migration."""
        return revision in {one.revision for one in _script().walk_revisions()}

    @contextmanager
    def recreating(self, revision: str) -> Iterator[sa.Connection]:
        """Open a transaction over freshly recreated tables; roll back everything if it fails.

        Raises `DatabaseError` if `revision`, at which the rows were read, is not this version's.
        """
        head = this_migration()
        if revision != head:
            raise DatabaseError(
                f"the backup is at migration {revision}, this version at {head}: "
                "restore it with the version that made it"
            )
        with self._migrating() as connection:
            metadata.drop_all(connection)
            connection.execute(sa.text("DROP TABLE IF EXISTS alembic_version"))
            _create(connection)
            yield connection

    @contextmanager
    def _migrating(self) -> Iterator[sa.Connection]:
        with self.writing() as connection:
            if self._file is None:  # one at a time; SQLite does this anyway
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def insert(connection: Connection, table: sa.Table) -> postgresql.Insert | sqlite_dialect.Insert:
    """Return an insert that supports ``ON CONFLICT``."""
    is_sqlite = connection.dialect.name == "sqlite"
    return sqlite_dialect.insert(table) if is_sqlite else postgresql.insert(table)


def connect(url: str | sa.URL) -> Database:
    """Open the database at `url`; create a missing SQLite file and its folder."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        try:
            return Database(sqlite.engine(parsed))
        except OSError as error:
            raise DatabaseError(f"{error.filename}: {error.strerror}") from error
    if parsed.drivername == "postgresql":  # its default driver is not installed
        parsed = parsed.set(drivername="postgresql+psycopg")
    return Database(
        sa.create_engine(
            parsed, pool_pre_ping=True, hide_parameters=True, connect_args=dict(_PATIENCE)
        )
    )


def has_tables(url: str) -> bool:
    """Whether the database at `url` exists and has tables; create nothing."""
    if (file := sqlite.file_of(url)) and not file.exists():
        return False
    with closing(connect(url)) as opened:
        return opened.pending()[0] is not None


def this_migration() -> str:
    """Return the migration that this version needs."""
    return str(_script().get_current_head())


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Raise `Unavailable`, in one line without SQL, when the database does not answer."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        # Other errors mean that a statement is wrong, which is a defect here. Without a statement,
        # it was the connection that failed.
        plain = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.DatabaseError)
        is_plain = type(error) in plain or error.statement is None
        if is_plain or getattr(error.orig, "sqlstate", None) == _READ_ONLY:
            raise Unavailable(f"database: {' '.join(str(error.orig).split())}") from error
        raise
    except sa.exc.TimeoutError as error:
        raise Unavailable("database: every connection is in use") from error


def _revision(connection: sa.Connection) -> str | None:
    rows = MigrationContext.configure(connection).get_current_heads()
    if len(rows) > 1 or (not rows and sa.inspect(connection).has_table(runs.name)):
        reason = f"expected one row beside the tables, found {len(rows)}"
        raise DatabaseError(f"alembic_version: {reason}; restore the last complete backup")
    return rows[0] if rows else None


def _create(connection: sa.Connection) -> None:
    """Create the declared tables; a new database needs no migrations."""
    metadata.create_all(connection, checkfirst=False)
    MigrationContext.configure(connection).stamp(_script(), "head")


@cache
def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_alembic())


def _alembic() -> Config:
    config = Config()
    # A package name rather than a path: the configuration would expand a "%" in a path.
    config.set_main_option("script_location", "service.core:migrations")
    return config
