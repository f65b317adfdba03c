import datetime as dt
import threading

import pytest
import sqlalchemy as sa

from service.core import run_store
from service.core.locks import ProcessLock
from service.core.run_store import request_run
from tests.service.support import NOW, run_concurrently
from tests.support.waiting import BOUND, wait_until


def begin(connection, period="monday"):
    return run_store.claim_run(connection, "ingest", period, NOW)


def test_one_of_concurrent_claims_succeeds(database):
    def claim():
        with database.writing() as connection:
            return begin(connection)

    assert run_concurrently(6, claim).count(None) == 5


def test_latest_run_can_be_selected_by_outcome(database):
    with database.writing() as connection:
        for period, outcome in (("a", "done"), ("b", "failed"), ("c", "skipped")):
            run_store.finish_run(connection, begin(connection, period), outcome, None, {}, NOW)
        latest = [
            run_store.get_latest_run(connection, "ingest", o) for o in (None, "done", "failed")
        ]
        assert [run.period for run in latest if run] == ["c", "a", "b"]
        assert run_store.get_latest_run(connection, "ingest", "running") is None
        assert run_store.get_latest_run(connection, "refit") is None


@pytest.mark.parametrize("is_requested", [True, False])
def test_latest_run_is_the_one_that_began_last(database, is_requested):
    with database.writing() as connection:
        if is_requested:
            period = request_run(connection, "ingest", "a key", NOW).period
        else:
            period = "stopped"
            run_store.finish_run(connection, begin(connection, period), period, None, {}, NOW)
        for minute, name in ((1, "before"), (2, period), (3, "after")):
            moment = NOW + dt.timedelta(minutes=minute)
            claimed = run_store.claim_run(connection, "ingest", name, moment)
            run_store.finish_run(connection, claimed, "done", None, {}, moment)
            assert run_store.get_latest_run(connection, "ingest").period == name
        began = [run.period for run in run_store.list_ended(connection, "ingest")]
    assert began == ["after", period, "before"]


def test_only_stopped_run_can_be_claimed_again(database):
    with database.writing() as connection:
        for outcome in ("done", "failed", "stopped"):
            first = begin(connection, outcome)
            run_store.finish_run(connection, first, outcome, "so", {}, NOW)
            again = begin(connection, outcome)
            assert again == (run_store.Claim(first.run_id, 2) if outcome == "stopped" else None)
        run = run_store.get_run(connection, "ingest", "stopped")
    assert (run.attempt, run.outcome, run.reason) == (2, "running", None)


def test_dead_run_is_closed_and_fails_at_third_attempt(database):
    for attempt in (1, 2, 3):
        with database.writing() as connection:
            claimed = begin(connection)
        assert claimed.attempt == attempt
        lock = ProcessLock(database, run_store.lock_name(claimed.run_id))
        assert lock.acquire()
        with database.writing() as connection:
            assert run_store.close_dead(connection, NOW) == [], "its process is alive"
        lock.release()
        with database.writing() as connection:
            closed = run_store.close_dead(connection, NOW)
            assert [run.run_id for run in closed] == [claimed.run_id]
            assert run_store.close_dead(connection, NOW) == []
    with database.writing() as connection:
        assert begin(connection) is None
        run = run_store.get_run(connection, "ingest", "monday")
    assert (run.outcome, run.reason) == ("failed", "its process died before it finished, 3 times")


def test_superseded_claim_cannot_publish_or_finish(database):
    with database.writing() as connection:
        lost = begin(connection)
        assert run_store.is_current(connection, lost)
        run_store.close_dead(connection, NOW)
        assert not run_store.is_current(connection, lost)
        current = begin(connection)
        assert not run_store.is_current(connection, lost)
        assert run_store.is_current(connection, current)
        assert not run_store.finish_run(connection, lost, "done", None, {}, NOW)
        assert run_store.finish_run(connection, current, "done", None, {}, NOW)
        assert not run_store.finish_run(connection, current, "stopped", "told to", {}, NOW)
        assert run_store.get_run(connection, "ingest", "monday").outcome == "done"


def test_oldest_request_is_next_until_it_is_claimed(database):
    with database.writing() as connection:
        run_store.finish_run(connection, begin(connection), "stopped", None, {}, NOW)  # by schedule
        first, second = (request_run(connection, job, "a", NOW) for job in ("refit", "ingest"))
        assert request_run(connection, "refit", "b", NOW) == first, "the waiting one"
        jobs = ("refit", "ingest")
        assert run_store.get_next_request(connection, jobs[1:]) == second
        for outcome, attempt in (("stopped", 1), ("done", 2)):
            assert run_store.get_next_request(connection, jobs).run_id == first.run_id
            claimed = run_store.claim_run(connection, "refit", first.period, NOW)
            assert claimed == run_store.Claim(first.run_id, attempt)
            assert run_store.get_next_request(connection, jobs) == second
            assert request_run(connection, "refit", "b", NOW).run_id != first.run_id
            run_store.finish_run(connection, claimed, outcome, None, {}, NOW)
        ended = run_store.get_request(connection, first.run_id)
    assert (ended.outcome, ended.asked_by, ended.asked_at) == ("done", "a", NOW)


def test_waiting_request_is_overdue_in_the_end_and_no_run_yet(database):
    later = NOW + dt.timedelta(seconds=1)
    with database.writing() as connection:
        claimed, waiting = begin(connection), request_run(connection, "ingest", "a", NOW)
        assert run_store.get_latest_run(connection, "ingest").run_id == claimed.run_id
        assert run_store.get_request(connection, claimed.run_id) is None
        assert run_store.list_overdue(connection, later) == [waiting]
        assert run_store.list_overdue(connection, NOW) == []
        run_store.claim_run(connection, "ingest", waiting.period, NOW)
        assert run_store.list_overdue(connection, later) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite has one writer
def test_request_begun_concurrently_is_not_reused(database):
    requests = []

    def leave():
        with database.writing() as connection:
            requests.append(request_run(connection, "refit", "c", NOW))

    def is_blocked():
        with database.reading() as connection:
            return connection.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    with database.writing() as connection:
        first = request_run(connection, "refit", "a", NOW)
    with database.writing() as connection:
        run_store.claim_run(connection, "refit", first.period, NOW)
        thread = threading.Thread(target=leave)
        thread.start()
        wait_until(is_blocked, "the other transaction waits for this one")
    thread.join(BOUND)
    assert [(run.asked_by, run.outcome) for run in requests] == [("c", "waiting")]
    assert requests[0].run_id != first.run_id
