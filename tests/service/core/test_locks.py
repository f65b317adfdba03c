import contextlib
import fcntl
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.core import locks
from service.core.database import Database, Unavailable, connect
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


def is_held(database, name="scheduler"):
    with database.reading() as connection:
        return locks.is_held(connection, name)


def test_lock_has_one_holder_at_a_time(database):
    first, second = database.lock("scheduler"), database.lock("scheduler")
    assert not is_held(database)
    assert first.acquire()
    assert first.acquire(), "acquiring again is allowed"
    assert is_held(database)
    assert not second.acquire()
    assert database.lock("run-1").acquire(), "names are independent"
    first.release()
    assert not is_held(database)
    assert second.acquire()
    first.release()
    assert is_held(database), "only the holder can release it"
    second.release()
    assert not Path(f"{database.engine.url.database}-locks/scheduler.lock").exists()


def test_lock_file_replaced_meanwhile_is_not_locked_beside_it(tmp_path):
    with contextlib.closing(connect(f"sqlite:///{tmp_path / 'x.sqlite'}")) as opened:
        first, late, third = (opened.lock("scheduler") for _ in range(3))
        assert first.acquire()
        lock_file = fcntl.flock

        def flock(file, operation):
            patch.undo()
            first.release()
            assert third.acquire()
            lock_file(file, operation)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fcntl, "flock", flock)
            assert not late.acquire(), "it has opened the file of the first"
        third.release()


def test_lock_ends_with_its_process_and_is_not_inherited(database):
    url = database.engine.url.render_as_string(hide_password=False)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout.readline(), "it holds the lock and its child runs"
    assert is_held(database)
    lock = database.lock("scheduler")
    assert not lock.acquire()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    # PostgreSQL takes a moment to notice that the session is gone; the child still runs.
    wait_until(lock.acquire, "the lock is free")
    assert is_held(database)
    holder.stdin.close()  # ends the child
    holder.stdout.close()
    lock.release()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_lock_lost_with_its_session_is_reacquired(database):
    lock, other = database.lock("scheduler"), database.lock("scheduler")
    assert lock.acquire()
    end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
    with database.writing() as connection:
        connection.execute(sa.text(end))
    assert lock.acquire()
    with database.writing() as connection:
        connection.execute(sa.text(end))
    assert other.acquire()
    assert not lock.acquire(), "taken in the meantime"
    other.release()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_lock_in_another_database_of_the_server_is_independent(database):
    url = database.engine.url.set(database="template1").render_as_string(hide_password=False)
    with contextlib.closing(connect(url)) as other:
        lock = other.lock("scheduler")
        assert lock.acquire()
        assert not is_held(database)
        lock.release()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql+psycopg://127.0.0.1:9/nowhere", "database: "),
        ("sqlite:////dev/null/store.sqlite", "/dev/null"),
    ],
)
def test_lock_of_unreachable_database_raises_unavailable(url, reason):
    lock = locks.ProcessLock(sa.create_engine(url), "scheduler")
    with pytest.raises(Unavailable, match=f"^{reason}"):
        Database.acquire(lock)
