from __future__ import annotations

import datetime as dt

from service.core import run_store
from service.core.database import Connection, Database
from tests.service.support import NOW, at_once


def test_a_period_is_claimed_once(database: Database) -> None:
    with database.writing() as connection:
        assert run_store.claim(connection, "ingest", "monday", NOW) is not None
        assert run_store.claim(connection, "ingest", "monday", NOW) is None
        assert run_store.claim(connection, "refit", "monday", NOW) is not None
        assert run_store.claim(connection, "ingest", "tuesday", NOW) is not None


def test_one_of_many_claims_wins(database: Database) -> None:
    def claim() -> run_store.Claim | None:
        with database.writing() as connection:
            return run_store.claim(connection, "ingest", "monday", NOW)

    assert at_once(6, claim).count(None) == 5


def test_how_a_run_ended_is_kept(database: Database) -> None:
    later = NOW + dt.timedelta(seconds=90)
    with database.writing() as connection:
        claimed = run_store.claim(connection, "ingest", "monday", NOW)
        assert claimed is not None
        running = run_store.latest(connection, "ingest")
        assert running is not None
        assert (running.outcome, running.finished_at) == ("running", None)
        run_store.finish(connection, claimed, "done", "5 new", {"new": 5}, later)
    with database.reading() as connection:
        run = run_store.latest(connection, "ingest")
    assert run == run_store.Run(
        claimed.run_id, "ingest", "monday", NOW, later, "done", "5 new", {"new": 5}, 1
    )


def test_the_latest_with_an_outcome(database: Database) -> None:
    with database.writing() as connection:
        for period, outcome in (("a", "done"), ("b", "failed"), ("c", "skipped")):
            claimed = run_store.claim(connection, "ingest", period, NOW)
            assert claimed is not None
            run_store.finish(connection, claimed, outcome, None, {}, NOW)
    with database.reading() as connection:
        found = [run_store.latest(connection, "ingest", o) for o in (None, "done", "failed")]
        assert [run.period for run in found if run] == ["c", "a", "b"]
        assert run_store.latest(connection, "ingest", "running") is None
        assert run_store.latest(connection, "refit") is None


def begin(connection: Connection, period: str = "monday") -> run_store.Claim:
    claimed = run_store.claim(connection, "ingest", period, NOW)
    assert claimed is not None
    return claimed


def test_a_run_that_was_stopped_is_claimed_again_and_no_other(database: Database) -> None:
    with database.writing() as connection:
        for outcome in ("done", "failed", "stopped"):
            first = begin(connection, outcome)
            run_store.finish(connection, first, outcome, "so", {}, NOW)
            again = run_store.claim(connection, "ingest", outcome, NOW)
            assert again == (run_store.Claim(first.run_id, 2) if outcome == "stopped" else None)
        run = run_store.find(connection, "ingest", "stopped")
    assert run is not None
    assert (run.attempt, run.outcome, run.reason) == (2, "running", None)


def test_a_run_without_its_lock_is_closed_and_the_third_time_has_failed(
    database: Database,
) -> None:
    for attempt in (1, 2, 3):
        with database.writing() as connection:
            claimed = begin(connection)
        assert claimed.attempt == attempt
        lock = database.lock(run_store.lock_name(claimed.run_id))
        assert lock.acquire()
        with database.writing() as connection:
            assert run_store.close_dead(connection, NOW) == [], "its process lives"
        lock.release()
        with database.writing() as connection:
            closed = run_store.close_dead(connection, NOW)
            assert [run.run_id for run in closed] == [claimed.run_id]
            assert run_store.close_dead(connection, NOW) == []
    with database.writing() as connection:
        assert run_store.claim(connection, "ingest", "monday", NOW) is None
        run = run_store.find(connection, "ingest", "monday")
    assert run is not None
    assert (run.outcome, run.reason) == ("failed", "its process died before it finished, 3 times")


def test_a_process_that_lost_its_run_can_neither_publish_nor_finish(database: Database) -> None:
    with database.writing() as connection:
        lost = begin(connection)
        assert run_store.is_current(connection, lost)
        run_store.close_dead(connection, NOW)
        assert not run_store.is_current(connection, lost)
        current = begin(connection)
        assert not run_store.is_current(connection, lost)
        assert run_store.is_current(connection, current)
        assert not run_store.finish(connection, lost, "done", None, {}, NOW)
        assert run_store.finish(connection, current, "done", None, {}, NOW)


def test_old_rows_are_deleted_but_for_the_newest_of_each_kind(database: Database) -> None:
    late = NOW + dt.timedelta(days=500)
    with database.writing() as connection:
        for period, outcome in (("1", "done"), ("2", "failed"), ("3", "done"), ("4", "done")):
            claimed = begin(connection, period=period)
            when = late if period == "4" else NOW
            run_store.finish(connection, claimed, outcome, None, {}, when)
        begin(connection, period="5")
        assert run_store.prune(connection, NOW + dt.timedelta(days=1)) == 2
        left = [p for p in "12345" if run_store.find(connection, "ingest", p)]
    assert left == ["2", "4", "5"]


def test_a_run_that_has_ended_is_not_stopped_after_all(database: Database) -> None:
    with database.writing() as connection:
        claimed = run_store.claim(connection, "refit", "x", NOW)
        assert claimed is not None
        assert run_store.finish(connection, claimed, "done", "ok", {}, NOW)
        assert not run_store.finish(connection, claimed, "stopped", "told to", {}, NOW)
        run = run_store.find(connection, "refit", "x")
    assert run is not None
    assert (run.outcome, run.reason) == ("done", "ok")
