from __future__ import annotations

import datetime as dt
import threading

import pytest
import sqlalchemy as sa

from service.core import request_store, run_store
from service.core.database import Database
from tests.service.support import NOW, at_once
from tests.support.waiting import BOUND, wait_until


def test_requests_are_taken_once_each_the_oldest_first(database: Database) -> None:
    with database.writing() as connection:
        first = request_store.leave(connection, "refit", "a", NOW)
        second = request_store.leave(connection, "ingest", "b", NOW)
        assert request_store.leave(connection, "refit", "c", NOW) == first
    taken: list[int] = []

    def take() -> None:
        with database.writing() as connection:
            found = request_store.claim(connection, NOW)
        if found:
            taken.append(found.request_id)

    at_once(4, take)
    while len(taken) < 2:  # where two read at once, one goes home empty and comes again
        take()
    assert sorted(taken) == [first.request_id, second.request_id]
    with database.writing() as connection:
        assert request_store.claim(connection, NOW) is None
        another = request_store.leave(connection, "refit", "c", NOW)
        assert another.request_id not in taken, "one that runs does not stand for a new one"


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
        assert request_store.claim(connection, NOW)
        thread = threading.Thread(target=leave)
        thread.start()
        wait_until(is_held_up, "the other waits for our claim")
    thread.join(BOUND)
    assert [(one.asked_by, one.outcome) for one in left] == [("c", "waiting")]
    assert left[0].request_id != first.request_id


def test_requests_that_a_process_took_and_never_began_wait_again(database: Database) -> None:
    later = NOW + dt.timedelta(minutes=2)
    with database.writing() as connection:
        first = request_store.leave(connection, "refit", "a", NOW)
        request_store.claim(connection, NOW)
        second = request_store.leave(connection, "refit", "b", NOW)
        request_store.claim(connection, NOW)
        assert request_store.claim(connection, NOW) is None, "whoever has them is about to begin"
        taken = [request_store.claim(connection, later) for _ in range(3)]
    found = [request.request_id for request in taken if request]
    assert found == [first.request_id, second.request_id]


def test_a_request_whose_run_was_stopped_waits_again(database: Database) -> None:
    with database.writing() as connection:
        asked = request_store.leave(connection, "refit", "a", NOW)
        assert request_store.claim(connection, NOW)
        period = request_store.period(asked.request_id)
        claimed = run_store.claim(connection, "refit", period, NOW)
        assert claimed is not None
        assert request_store.claim(connection, NOW) is None, "it is under way"
        run_store.finish(connection, claimed, "stopped", None, {}, NOW)
        again = request_store.claim(connection, NOW)
        assert again is not None
        assert again.request_id == asked.request_id
        assert run_store.claim(connection, "refit", period, NOW) == run_store.Claim(
            claimed.run_id, 2
        )


def test_a_request_ends_as_its_run_did_though_nobody_lived_to_say_so(database: Database) -> None:
    with database.writing() as connection:
        asked = request_store.leave(connection, "refit", "a", NOW)
        assert request_store.claim(connection, NOW)
        claimed = run_store.claim(connection, "refit", request_store.period(asked.request_id), NOW)
        assert claimed is not None
        run_store.finish(connection, claimed, "done", "published", {}, NOW)
        assert request_store.claim(connection, NOW) is None
        found = request_store.find(connection, asked.request_id)
    assert found is not None
    assert (found.outcome, found.reason, found.finished_at) == ("done", "published", NOW)


def test_a_glance_tells_whether_there_is_anything_to_do(database: Database) -> None:
    with database.writing() as connection:
        assert not request_store.is_waiting(connection)
        asked = request_store.leave(connection, "refit", "a", NOW)
        assert request_store.is_waiting(connection)
        request_store.finish(connection, asked.request_id, "done", None, NOW)
        assert not request_store.is_waiting(connection)


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
