import datetime as dt

from service.core import run_store
from tests.service.support import NOW, run_concurrently


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
        lock = database.lock(run_store.lock_name(claimed.run_id))
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


def test_prune_keeps_newest_run_of_each_outcome(database):
    late = NOW + dt.timedelta(days=500)
    with database.writing() as connection:
        for period, outcome in (("1", "done"), ("2", "failed"), ("3", "done"), ("4", "done")):
            ended_at = late if period == "4" else NOW
            run_store.finish_run(connection, begin(connection, period), outcome, None, {}, ended_at)
        begin(connection, "5")
        assert run_store.prune_runs(connection, NOW + dt.timedelta(days=1)) == 2
        remaining = [p for p in "12345" if run_store.get_run(connection, "ingest", p)]
    assert remaining == ["2", "4", "5"]
