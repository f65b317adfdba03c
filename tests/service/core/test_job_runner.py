import logging
import threading

import pytest

from service.core import locks, run_store
from service.core.context import Context
from service.core.database import DatabaseError, Unavailable
from service.core.files import RegistryError
from service.core.job_runner import JobError, Outcome, run_in_parallel, run_job
from service.core.run_store import Claim
from tests.service.support import NOW, ROUTE, latest_run
from tests.support.waiting import BOUND

STOPPED = "the process was stopped before it finished"


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
    claims = []

    def work(claimed):
        claims.append(claimed)
        return Outcome("done", "ok")

    jobs = (("test", "monday"), ("test", "monday"), ("other", "monday"), ("test",), ("test",))
    outcomes = [run_job(empty, job, work, *period).outcome for job, *period in jobs]
    assert outcomes == ["done", "skipped", "done", "done", "done"]
    assert len(claims) == 4


@pytest.mark.parametrize(
    ("error", "outcome", "reason", "message"),
    [
        (JobError("/srv/x: of 203.0.113.7", {"n": 3}), "failed", "x: of ********", None),
        (RegistryError("no file"), "failed", "no file", "test failed: no file"),
        (OSError(28, "full", "/srv/x"), "failed", "x: full", "test failed: /srv/x: full"),
        (ValueError("a\nb"), "failed", "ValueError: a", "test failed: ValueError: a"),
        (DatabaseError("no answer"), "failed", "no answer", None),
        (Unavailable("no answer"), "stopped", "no answer", None),
        (KeyboardInterrupt(), "stopped", STOPPED, None),
        (SystemExit(), "stopped", STOPPED, None),
    ],
)
def test_error_is_recorded_in_one_line(empty, caplog, error, outcome, reason, message):
    def work(_):
        raise error

    with pytest.raises(BaseException) as caught:
        run_job(empty, "test", work)
    if message is None:
        assert caught.value is error
    else:
        assert (type(caught.value), str(caught.value)) == (JobError, message)
    run = latest_run(empty, "test")
    assert (run.outcome, run.reason) == (outcome, reason)
    assert run.detail.items() >= getattr(error, "detail", {}).items()
    assert caplog.text.count("Traceback") == isinstance(error, ValueError), "a defect, in full"


def test_interrupt_propagates_when_database_is_unavailable(empty):
    def work(_):
        with empty.database.writing() as connection:
            connection.exec_driver_sql("ALTER TABLE runs RENAME TO elsewhere")
        raise SystemExit

    with pytest.raises(SystemExit):
        run_job(empty, "test", work)


def test_run_claimed_by_another_process_cannot_be_finished(empty, caplog):
    def work(claimed):
        with empty.database.writing() as connection:
            run_store.finish_run(connection, claimed, "stopped", None, {}, NOW)
            again = run_store.claim_run(connection, "test", "monday", NOW, ROUTE.name)
        assert again == Claim(claimed.run_id, 2)
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
    outcomes = {one.route.name: str(result) for one, result in results}
    assert outcomes == {"channel": "broken", "italy": "done"}


def test_interrupted_side_by_side_does_not_wait_for_routes(empty):
    began, go, ended = (threading.Event() for _ in range(3))

    def long(_):
        began.set()
        go.wait(BOUND)
        return Outcome("done", "after all")

    def work(one):
        if one.route.name == "channel":
            run_job(one, "test", long)
            ended.set()
        began.wait(BOUND)

    results = run_in_parallel(two_routes(empty, workers=2), work)
    assert next(results)[0].route.name == "italy"
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)
    assert latest_run(empty, "test").outcome == "stopped"
    go.set()
    assert ended.wait(BOUND)
    assert latest_run(empty, "test").outcome == "done"
