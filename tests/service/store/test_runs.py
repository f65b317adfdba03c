from __future__ import annotations

import datetime as dt
import threading

from service.store import runs
from service.store.database import Connection, Database
from tests.service.support import NOW


def test_a_period_is_claimed_once(database: Database) -> None:
    with database.writing() as connection:
        assert runs.claim(connection, "ingest", "monday", NOW) is not None
        assert runs.claim(connection, "ingest", "monday", NOW) is None
        assert runs.claim(connection, "refit", "monday", NOW) is not None
        assert runs.claim(connection, "ingest", "tuesday", NOW) is not None


def test_one_of_many_claims_wins(database: Database) -> None:
    won: list[int | None] = []

    def claim() -> None:
        with database.writing() as connection:
            won.append(runs.claim(connection, "ingest", "monday", NOW))

    threads = [threading.Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 6
    assert len([run_id for run_id in won if run_id is not None]) == 1


def test_how_a_run_ended_is_kept(database: Database) -> None:
    later = NOW + dt.timedelta(seconds=90)
    with database.writing() as connection:
        run_id = runs.claim(connection, "ingest", "monday", NOW)
        assert run_id is not None
        running = runs.latest(connection, "ingest")
        assert running is not None
        assert (running.outcome, running.finished_at) == ("running", None)
        runs.finish(connection, run_id, "done", "5 new", {"new": 5}, later)
    with database.reading() as connection:
        run = runs.latest(connection, "ingest")
    assert run == runs.Run(
        run_id, "ingest", "monday", NOW, later, "done", "5 new", {"new": 5}, "", NOW, 1
    )


def test_the_latest_with_an_outcome(database: Database) -> None:
    with database.writing() as connection:
        for period, outcome in (("a", "done"), ("b", "failed"), ("c", "skipped")):
            run_id = runs.claim(connection, "ingest", period, NOW)
            assert run_id is not None
            runs.finish(connection, run_id, outcome, None, {}, NOW)
    with database.reading() as connection:
        found = [runs.latest(connection, "ingest", o) for o in (None, "done", "failed")]
        assert [run.period for run in found if run] == ["c", "a", "b"]
        assert runs.latest(connection, "ingest", "running") is None
        assert runs.latest(connection, "refit") is None


def begin(connection: Connection, owner: str = "a", period: str = "monday") -> runs.Run:
    assert runs.claim(connection, "ingest", period, NOW, owner) is not None
    found = runs.find(connection, "ingest", period)
    assert found is not None
    return found


def test_a_run_that_was_stopped_is_claimed_again_and_no_other(database: Database) -> None:
    with database.writing() as connection:
        first = begin(connection)
        for outcome, again in (("done", None), ("failed", None), ("stopped", first.run_id)):
            runs.finish(connection, first.run_id, outcome, "so", {}, NOW)
            assert runs.claim(connection, "ingest", "monday", NOW, "b") == again
        found = runs.find(connection, "ingest", "monday")
    assert found is not None
    assert (found.owner, found.attempt, found.outcome, found.reason) == ("b", 2, "running", None)


def test_a_dead_process_loses_its_run_and_the_third_time_for_good(database: Database) -> None:
    with database.writing() as connection:
        run = begin(connection)
        for attempt in (1, 2, 3):
            assert run.attempt == attempt
            assert runs.close(connection, run, NOW)
            assert not runs.close(connection, run, NOW), "it has moved on"
            taken = runs.claim(connection, "ingest", "monday", NOW, "b")
            found = runs.find(connection, "ingest", "monday")
            assert found is not None
            run = found
            assert (taken is None) == (attempt == 3)
    assert (run.outcome, run.reason) == (
        "failed",
        "the process that had it died before it was done, 3 times",
    )


def test_a_heart_that_beats_keeps_the_run(database: Database) -> None:
    later = NOW + dt.timedelta(seconds=10)
    with database.writing() as connection:
        run = begin(connection)
        runs.beat(connection, run.run_id, "b", later)
        assert runs.under_way(connection) == [run], "it is not b's"
        runs.beat(connection, run.run_id, "a", later)
        assert not runs.close(connection, run, NOW), "it has beaten since"
        assert runs.under_way(connection)[0].heartbeat_at == later


def test_who_lost_a_run_can_neither_hold_nor_finish_it(database: Database) -> None:
    with database.writing() as connection:
        run = begin(connection)
        assert runs.holds(connection, run.run_id, "a")
        assert not runs.holds(connection, run.run_id, "b")
        runs.close(connection, run, NOW)
        runs.claim(connection, "ingest", "monday", NOW, "b")
        assert not runs.holds(connection, run.run_id, "a")
        assert not runs.finish(connection, run.run_id, "done", None, {}, NOW, "a")
        assert runs.finish(connection, run.run_id, "done", None, {}, NOW, "b")


def test_old_rows_are_deleted_but_for_the_newest_of_each_kind(database: Database) -> None:
    late = NOW + dt.timedelta(days=500)
    with database.writing() as connection:
        for period, outcome in (("1", "done"), ("2", "failed"), ("3", "done"), ("4", "done")):
            run = begin(connection, period=period)
            when = late if period == "4" else NOW
            runs.finish(connection, run.run_id, outcome, None, {}, when)
        begin(connection, period="5")
        assert runs.prune(connection, NOW + dt.timedelta(days=1)) == 2
        left = [p for p in "12345" if runs.find(connection, "ingest", p)]
    assert left == ["2", "4", "5"]


def test_the_run_that_goes_on_is_the_liveliest_though_a_newer_one_has_ended(
    database: Database,
) -> None:
    def at(minutes: int) -> dt.datetime:
        return NOW + dt.timedelta(minutes=minutes)

    def liveliest() -> int | None:
        with database.reading() as connection:
            run = runs.liveliest(connection, "scheduler")
        return run.run_id if run else None

    assert liveliest() is None
    with database.writing() as connection:
        first = runs.claim(connection, "scheduler", "a", NOW, "a")
        second = runs.claim(connection, "scheduler", "b", at(1), "b")
        assert first and second
    assert liveliest() == second
    with database.writing() as connection:
        runs.beat(connection, first, "a", at(2))
    assert liveliest() == first
    with database.writing() as connection:
        runs.beat(connection, second, "b", at(3))
        runs.finish(connection, second, "stopped", None, {}, at(3), "b")
    assert liveliest() == first, "the other's last beat was later"
    with database.writing() as connection:
        runs.finish(connection, first, "stopped", None, {}, at(2), "a")
    assert liveliest() == second, "both have ended"


def test_a_run_that_has_ended_is_not_stopped_after_all(database: Database) -> None:
    with database.writing() as connection:
        run_id = runs.claim(connection, "refit", "x", NOW, "a")
        assert run_id is not None
        assert runs.finish(connection, run_id, "done", "ok", {}, NOW, "a")
        assert not runs.finish(connection, run_id, "stopped", "told to", {}, NOW, "a")
        run = runs.find(connection, "refit", "x")
    assert run is not None
    assert (run.outcome, run.reason) == ("done", "ok")
