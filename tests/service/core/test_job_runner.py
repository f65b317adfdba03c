from __future__ import annotations

import logging
import threading

import pytest
import sqlalchemy as sa

from service.core import locks, run_store
from service.core.context import Context
from service.core.database import DatabaseError, Unavailable
from service.core.job_runner import JobError, Outcome, run_in_parallel, run_job, stop_running_jobs
from service.core.run_store import Claim
from tests.service.support import NOW, ROUTE, latest_run
from tests.support.waiting import BOUND


def test_run_is_recorded_before_and_after_work(empty, caplog):
    caplog.set_level(logging.INFO)

    def has_lock(run):
        with empty.database.reading() as connection:
            return locks.is_held(connection, run_store.lock_name(run.run_id))

    def work(claimed):
        run = latest_run(empty, "test")
        assert (run.run_id, run.outcome, run.finished_at) == (claimed.run_id, "running", None)
        assert has_lock(run)
        return Outcome("done", "it went well", {"count": 3})

    assert run_job(empty, "test", work).reason == "it went well"
    run = latest_run(empty, "test")
    assert (run.outcome, run.reason, run.detail["count"]) == ("done", "it went well", 3)
    assert run.detail["seconds"] >= 0
    assert run.finished_at is not None
    assert not has_lock(run)
    assert "test done: it went well" in caplog.text


def test_period_is_worked_on_once(empty):
    claims: list[Claim] = []

    def work(claimed):
        claims.append(claimed)
        return Outcome("done", "ok")

    assert run_job(empty, "test", work, "monday").outcome == "done"
    assert run_job(empty, "test", work, "monday").outcome == "skipped"
    assert run_job(empty, "other", work, "monday").outcome == "done"
    run_job(empty, "test", work)
    run_job(empty, "test", work)
    assert len(claims) == 4


def test_job_error_is_recorded_without_traceback(empty, caplog):
    def work(_):
        raise JobError("/srv/models/x.toml: refused by 203.0.113.7")

    with pytest.raises(JobError, match=r"^/srv/models/x.toml: refused by 203.0.113.7$"):
        run_job(empty, "test", work)
    run = latest_run(empty, "test")
    assert (run.outcome, run.reason) == ("failed", "x.toml: refused by ********")
    assert "test failed: /srv/models/x.toml: refused by" in caplog.text
    assert "Traceback" not in caplog.text


def test_unexpected_error_is_logged_in_full_and_recorded_in_one_line(empty, caplog):
    def work(_):
        with empty.database.writing() as connection:
            connection.execute(sa.text("INSERT INTO runs (job) VALUES ('x')"))
        return Outcome("done", "never")

    with pytest.raises(JobError, match=r"^test failed: IntegrityError: [^\n]+$"):
        run_job(empty, "test", work)
    reason = latest_run(empty, "test").reason
    assert reason.startswith("IntegrityError: ")
    assert "INSERT" not in reason
    assert "\n" not in reason
    assert "Traceback" in caplog.text


@pytest.mark.parametrize(
    ("error", "period", "outcome"),
    [
        (Unavailable, "monday", "stopped"),
        (DatabaseError, "monday", "failed"),
        (Unavailable, None, "failed"),  # it has no period to repeat
    ],
)
def test_only_a_period_is_repeated_after_the_database_did_not_answer(
    empty,
    error,
    period,
    outcome,
    caplog,
):
    def work(_):
        raise error("no answer")

    with pytest.raises(error):
        run_job(empty, "test", work, period)
    assert (latest_run(empty, "test").outcome, latest_run(empty, "test").reason) == (
        outcome,
        "no answer",
    )
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_interrupted_run_is_stopped_not_failed(empty, stop, caplog):
    def work(_):
        raise stop

    with pytest.raises(stop):
        run_job(empty, "test", work)
    assert latest_run(empty, "test").outcome == "stopped"
    assert "Traceback" not in caplog.text


def test_interrupt_propagates_when_database_is_unavailable(empty):
    def work(_):
        with empty.database.writing() as connection:
            connection.execute(sa.text("ALTER TABLE runs RENAME TO elsewhere"))
        raise SystemExit

    with pytest.raises(SystemExit):
        run_job(empty, "test", work)


def test_abandon_stops_runs_of_other_threads(empty):
    began, go = threading.Event(), threading.Event()

    def work(_):
        began.set()
        assert go.wait(BOUND)
        return Outcome("done", "after all")

    thread = threading.Thread(target=run_job, args=(empty, "test", work))
    thread.start()
    assert began.wait(BOUND)
    stop_running_jobs(empty)
    assert latest_run(empty, "test").outcome == "stopped"
    go.set()
    thread.join()
    assert latest_run(empty, "test").outcome == "done"
    stop_running_jobs(empty)
    assert latest_run(empty, "test").outcome == "done"


def test_run_claimed_by_another_process_cannot_be_finished(empty, caplog):
    def work(claimed):
        with empty.database.writing() as connection:
            run_store.finish_run(connection, claimed, "stopped", None, {}, NOW)
            assert run_store.claim_run(connection, "test", "monday", NOW, ROUTE.name) == Claim(
                claimed.run_id, 2
            )
        return Outcome("done", "too late")

    run_job(empty, "test", work, "monday")
    assert (latest_run(empty, "test").outcome, latest_run(empty, "test").attempt) == ("running", 2)
    assert "was claimed by another process meanwhile" in caplog.text


def two_routes(context, workers):
    more = {"routes": "channel,italy", "workers": workers}
    return Context(context.settings.model_copy(update=more), context.database)


@pytest.mark.parametrize("workers", [1, 2])
def test_error_of_one_route_does_not_affect_others(empty, workers):
    barrier = threading.Barrier(workers, timeout=BOUND)

    def work(one):
        barrier.wait()  # breaks unless as many run at once
        if one.route.name == "channel":
            raise ValueError("broken")
        return "done"

    results = run_in_parallel(two_routes(empty, workers), work)
    assert {one.route.name: str(result) for one, result in results} == {
        "channel": "broken",
        "italy": "done",
    }


def test_interrupted_side_by_side_does_not_wait_for_routes(empty):
    began, go, ended = (threading.Event() for _ in range(3))

    def long(_):
        began.set()
        go.wait(BOUND)
        return Outcome("done", "too late")

    def work(one):
        if one.route.name == "channel":
            run_job(one, "test", long)
            ended.set()
        began.wait(BOUND)

    results = run_in_parallel(two_routes(empty, workers=2), work)
    assert next(results)[0].route.name == "italy"
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert latest_run(empty, "test").outcome == "stopped"
    go.set()
    assert ended.wait(BOUND)  # before the fixture closes its database
