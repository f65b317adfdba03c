from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from service.store import requests, runs
from service.store.database import Database, Unavailable
from tests.service.support import NOW


def test_requests_are_taken_once_each_the_oldest_first(database: Database) -> None:
    with database.writing() as connection:
        first = requests.leave(connection, "refit", "a", NOW)
        second = requests.leave(connection, "ingest", "b", NOW)
        assert requests.leave(connection, "refit", "c", NOW) == first
    taken: list[int] = []

    def take() -> None:
        with database.writing() as connection:
            found = requests.claim(connection, NOW)
        if found:
            taken.append(found.request_id)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while len(taken) < 2:  # where two read at once, one goes home empty and comes again
        take()
    assert sorted(taken) == [first.request_id, second.request_id]
    with database.writing() as connection:
        assert requests.claim(connection, NOW) is None
        another = requests.leave(connection, "refit", "c", NOW)
        assert another.request_id not in taken, "one that runs does not stand for a new one"


@pytest.mark.parametrize("times", [1, 4, 5])
def test_a_request_that_is_taken_while_another_is_left_is_no_fault(
    database: Database, times: int
) -> None:
    """One waits whenever ours would be inserted, and is claimed before we ask which it is."""
    if database.engine.dialect.name != "postgresql":
        pytest.skip("who writes to SQLite is alone")
    inside: list[str] = []
    taken: list[int] = []

    def meanwhile(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if inside or len(taken) == times:
            return
        inside.append(statement)
        with database.writing() as other:
            if statement.startswith("INSERT"):
                requests.leave(other, "refit", "b", NOW)
            elif statement.startswith("SELECT"):
                claimed = requests.claim(other, NOW)
                assert claimed is not None
                taken.append(claimed.request_id)
        inside.clear()

    sa.event.listen(database.engine, "before_cursor_execute", meanwhile)
    with database.writing() as connection:
        if times < 5:
            left = requests.leave(connection, "refit", "c", NOW)
            assert (left.asked_by, left.outcome) == ("c", "waiting")
        else:
            with pytest.raises(Unavailable, match="^database: requests for refit come and go"):
                requests.leave(connection, "refit", "c", NOW)
    sa.event.remove(database.engine, "before_cursor_execute", meanwhile)
    assert len(set(taken)) == times


def test_requests_that_a_process_took_and_never_began_wait_again(database: Database) -> None:
    later = NOW + dt.timedelta(minutes=2)
    with database.writing() as connection:
        first = requests.leave(connection, "refit", "a", NOW)
        requests.claim(connection, NOW)
        second = requests.leave(connection, "refit", "b", NOW)
        requests.claim(connection, NOW)
        assert requests.claim(connection, NOW) is None, "whoever has them is about to begin"
        taken = [requests.claim(connection, later) for _ in range(3)]
    found = [request.request_id for request in taken if request]
    assert found == [first.request_id, second.request_id]


def test_a_request_whose_run_was_stopped_waits_again(database: Database) -> None:
    with database.writing() as connection:
        asked = requests.leave(connection, "refit", "a", NOW)
        assert requests.claim(connection, NOW)
        period = requests.period(asked.request_id)
        claimed = runs.claim(connection, "refit", period, NOW)
        assert claimed is not None
        assert requests.claim(connection, NOW) is None, "it is under way"
        runs.finish(connection, claimed, "stopped", None, {}, NOW)
        again = requests.claim(connection, NOW)
        assert again is not None
        assert again.request_id == asked.request_id
        assert runs.claim(connection, "refit", period, NOW) == runs.Claim(claimed.run_id, 2)


def test_a_request_ends_as_its_run_did_though_nobody_lived_to_say_so(database: Database) -> None:
    with database.writing() as connection:
        asked = requests.leave(connection, "refit", "a", NOW)
        assert requests.claim(connection, NOW)
        claimed = runs.claim(connection, "refit", requests.period(asked.request_id), NOW)
        assert claimed is not None
        runs.finish(connection, claimed, "done", "published", {}, NOW)
        assert requests.claim(connection, NOW) is None
        found = requests.find(connection, asked.request_id)
    assert found is not None
    assert (found.outcome, found.reason, found.finished_at) == ("done", "published", NOW)


def test_a_glance_tells_whether_there_is_anything_to_do(database: Database) -> None:
    with database.writing() as connection:
        assert not requests.is_waiting(connection)
        asked = requests.leave(connection, "refit", "a", NOW)
        assert requests.is_waiting(connection)
        requests.finish(connection, asked.request_id, "done", None, NOW)
        assert not requests.is_waiting(connection)


def test_what_ended_long_ago_is_deleted_and_no_number_comes_again(database: Database) -> None:
    def ask(job: str) -> int:
        with database.writing() as connection:
            return requests.leave(connection, job, "a", NOW).request_id

    first, second = ask("refit"), ask("ingest")
    with database.writing() as connection:
        assert requests.prune(connection, NOW + dt.timedelta(days=1)) == 0, "they wait"
        for number in (first, second):
            requests.finish(connection, number, "done", None, NOW)
        assert requests.prune(connection, NOW) == 0
        assert requests.prune(connection, NOW + dt.timedelta(seconds=1)) == 1
        assert requests.find(connection, first) is None
        assert requests.find(connection, second) is not None
    assert ask("compare") > second
