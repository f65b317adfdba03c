from __future__ import annotations

import datetime as dt
import threading

import pytest
import sqlalchemy as sa

from service.core import request_store, run_store
from service.core.database import Database
from tests.service.support import NOW
from tests.support.waiting import BOUND, wait_until


def open_now(database: Database) -> int | None:
    with database.glancing() as connection:
        found = request_store.next_open(connection)
    return found and found.request_id


def test_the_oldest_comes_first_and_one_that_runs_does_not_stand_for_a_new_one(
    database: Database,
) -> None:
    with database.writing() as connection:
        first = request_store.leave(connection, "refit", "a", NOW)
        second = request_store.leave(connection, "ingest", "b", NOW)
        assert request_store.leave(connection, "refit", "c", NOW) == first
        found = request_store.next_open(connection, ("ingest",))
        assert found == second
    assert open_now(database) == first.request_id
    with database.writing() as connection:
        request_store.begin(connection, first.request_id, NOW)
        another = request_store.leave(connection, "refit", "c", NOW)
    assert another.request_id not in (first.request_id, second.request_id)


def test_a_request_that_is_taken_while_another_is_left_is_no_fault(database: Database) -> None:
    if database.engine.dialect.name != "postgresql":
        pytest.skip("who writes to SQLite is alone")
    left: list[request_store.JobRequest] = []

    def leave() -> None:
        with database.writing() as connection:
            left.append(request_store.leave(connection, "refit", "c", NOW))

    def is_held_up() -> bool:
        with database.glancing() as connection:
            return bool(
                connection.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            )

    with database.writing() as connection:
        first = request_store.leave(connection, "refit", "a", NOW)
    with database.writing() as connection:
        request_store.begin(connection, first.request_id, NOW)
        thread = threading.Thread(target=leave)
        thread.start()
        wait_until(is_held_up, "the other waits for us")
    thread.join(BOUND)
    assert [(one.asked_by, one.outcome) for one in left] == [("c", "waiting")]
    assert left[0].request_id != first.request_id


def test_a_request_is_open_unless_its_run_is_under_way(database: Database) -> None:
    with database.writing() as connection:
        asked = request_store.leave(connection, "refit", "a", NOW)
        request_store.begin(connection, asked.request_id, NOW)
    assert open_now(database) == asked.request_id, "a process took it and never began"
    period = request_store.period(asked.request_id)
    with database.writing() as connection:
        claimed = run_store.claim(connection, "refit", period, NOW)
        assert claimed is not None
    assert open_now(database) is None, "it is under way"
    for outcome in ("stopped", "done"):
        with database.writing() as connection:
            run_store.finish(connection, claimed, outcome, None, {}, NOW)
        assert open_now(database) == asked.request_id, "nobody lived to record it"
    with database.writing() as connection:
        request_store.finish(connection, asked.request_id, "done", None, NOW)
    assert open_now(database) is None


def test_what_ended_long_ago_is_deleted_and_no_number_comes_again(database: Database) -> None:
    def ask(job: str) -> int:
        with database.writing() as connection:
            return request_store.leave(connection, job, "a", NOW).request_id

    first, second = ask("refit"), ask("ingest")
    with database.writing() as connection:
        assert request_store.prune(connection, NOW + dt.timedelta(days=1)) == 0, "they wait"
        for number in (first, second):
            request_store.finish(connection, number, "done", None, NOW)
        assert request_store.prune(connection, NOW) == 0
        assert request_store.prune(connection, NOW + dt.timedelta(seconds=1)) == 1
        assert request_store.find(connection, first) is None
        assert request_store.find(connection, second) is not None
    assert ask("compare") > second
