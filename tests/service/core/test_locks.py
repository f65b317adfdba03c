"""Locks that die with their process, on both databases, with processes that are killed."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import sqlalchemy as sa

from service.core import locks
from service.core.database import Database, Unavailable
from tests.support.waiting import wait_until

HOLDER = """
import sys
from service.core.database import connect
lock = connect(sys.argv[1]).lock("scheduler")
assert lock.acquire()
child = __import__("subprocess").Popen([sys.executable, "-c", "input()"], stdin=0)
print(child.pid, flush=True)
child.wait()
"""


def is_held(database: Database, name: str = "scheduler") -> bool:
    with database.reading() as connection:
        return locks.is_held(connection, name)


def test_one_at_a_time_holds_it(database: Database) -> None:
    first, second = database.lock("scheduler"), database.lock("scheduler")
    assert not is_held(database)
    assert first.acquire()
    assert first.acquire(), "it holds it already"
    assert is_held(database)
    assert not second.acquire()
    assert database.lock("run-1").acquire(), "another name is another lock"
    first.release()
    assert not is_held(database)
    assert second.acquire()
    first.release()
    assert is_held(database), "who does not hold it cannot release it"
    second.release()


def test_it_dies_with_its_process_and_a_child_does_not_inherit_it(database: Database) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin and holder.stdout
    assert holder.stdout.readline(), "it holds the lock, and its child lives"
    assert is_held(database)
    lock = database.lock("scheduler")
    assert not lock.acquire()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    # The server needs a moment to see that the session is gone; its child keeps waiting for input.
    wait_until(lock.acquire, "the lock is free")
    assert is_held(database)
    holder.stdin.close()  # which ends the child
    holder.stdout.close()
    lock.release()


def test_a_lock_that_went_with_its_session_is_taken_again(database: Database) -> None:
    if database.engine.dialect.name != "postgresql":
        pytest.skip("a file needs no session")
    lock, other = database.lock("scheduler"), database.lock("scheduler")
    assert lock.acquire()
    end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
    with database.writing() as connection:
        connection.execute(sa.text(end))
    assert lock.acquire()
    with database.writing() as connection:
        connection.execute(sa.text(end))
    assert other.acquire()
    assert not lock.acquire(), "another process has it meanwhile"
    other.release()


def test_the_server_ends_the_session_of_a_client_that_is_gone(database: Database) -> None:
    if database.engine.dialect.name != "postgresql":
        pytest.skip("a file needs no session")
    idle, pause, probes = locks._KEEPALIVE.values()
    assert idle + pause * probes < 60
    lock = database.lock("scheduler")
    assert lock.acquire()
    session = lock._session
    assert session is not None
    if session.connection.driver_connection.info.host.startswith("/"):  # type: ignore[union-attr]
        pytest.skip("a socket file has no keepalives")
    assert session.scalar(sa.text("SHOW tcp_keepalives_idle")) == str(idle)
    lock.release()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql+psycopg://127.0.0.1:9/nowhere", "database: "),
        ("sqlite:////dev/null/store.sqlite", "/dev/null"),
    ],
)
def test_a_lock_that_cannot_be_asked_for_is_one_line(url: str, reason: str) -> None:
    """A scheduler goes on trying while its database is away."""
    lock = locks.ProcessLock(sa.create_engine(url), "scheduler")
    with pytest.raises(Unavailable, match=f"^{reason}"):
        Database.hold(lock)
