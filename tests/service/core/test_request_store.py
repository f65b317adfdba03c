import datetime as dt
import threading

import pytest
import sqlalchemy as sa

from service.core import request_store, run_store
from service.core.request_store import add_request, update_request
from tests.service.support import NOW
from tests.support.waiting import BOUND, wait_until


def next_open_id(database):
    with database.reading() as connection:
        request = request_store.get_next_open(connection)
    return request and request.request_id


def test_oldest_request_is_next_and_pending_one_is_reused(database):
    with database.writing() as connection:
        first = add_request(connection, "refit", "a", NOW)
        second = add_request(connection, "ingest", "b", NOW)
        assert add_request(connection, "refit", "c", NOW) == first
        assert request_store.get_next_open(connection, ("ingest",)) == second
        assert request_store.get_next_open(connection) == first
        update_request(connection, first.request_id, "running", claimed_at=NOW)
        another = add_request(connection, "refit", "c", NOW)
    assert another.request_id not in (first.request_id, second.request_id)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite has one writer
def test_request_begun_concurrently_is_not_reused(database):
    requests = []

    def leave():
        with database.writing() as connection:
            requests.append(add_request(connection, "refit", "c", NOW))

    def is_blocked():
        with database.reading() as connection:
            return connection.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    with database.writing() as connection:
        first = add_request(connection, "refit", "a", NOW)
    with database.writing() as connection:
        update_request(connection, first.request_id, "running", claimed_at=NOW)
        thread = threading.Thread(target=leave)
        thread.start()
        wait_until(is_blocked, "the other transaction waits for this one")
    thread.join(BOUND)
    assert [(request.asked_by, request.outcome) for request in requests] == [("c", "waiting")]
    assert requests[0].request_id != first.request_id


def test_request_is_open_unless_its_run_is_running(database):
    with database.writing() as connection:
        request = add_request(connection, "refit", "a", NOW)
        update_request(connection, request.request_id, "running", claimed_at=NOW)
    assert next_open_id(database) == request.request_id, "taken, but the run did not begin"
    period = request_store.period(request.request_id)
    with database.writing() as connection:
        claimed = run_store.claim_run(connection, "refit", period, NOW)
    assert next_open_id(database) is None, "its run is running"
    for outcome in ("stopped", "done"):
        with database.writing() as connection:
            run_store.finish_run(connection, claimed, outcome, None, {}, NOW)
        assert next_open_id(database) == request.request_id, "its end was not recorded"
    with database.writing() as connection:
        update_request(connection, request.request_id, "done", finished_at=NOW)
    assert next_open_id(database) is None


def test_prune_deletes_ended_requests_without_reusing_ids(database):
    later = NOW + dt.timedelta(seconds=1)
    with database.writing() as connection:
        first, second = (
            add_request(connection, job, "a", NOW).request_id for job in ("refit", "ingest")
        )
        overdue = request_store.list_overdue(connection, later)
        assert [request.request_id for request in overdue] == [first, second]
        assert request_store.list_overdue(connection, NOW) == []
        assert request_store.prune_requests(connection, later) == 0, "they are waiting"
        for number in (first, second):
            update_request(connection, number, "done", finished_at=NOW)
        assert request_store.list_overdue(connection, later) == []
        assert request_store.prune_requests(connection, NOW) == 0
        assert request_store.prune_requests(connection, later) == 1
        assert request_store.get_request(connection, first) is None
        assert request_store.get_request(connection, second) is not None
        assert add_request(connection, "compare", "a", NOW).request_id > second
