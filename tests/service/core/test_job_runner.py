from __future__ import annotations

import logging
import threading

import pytest
import sqlalchemy as sa

from service.core import locks, run_store
from service.core.context import Context
from service.core.database import Unavailable
from service.core.job_runner import JobError, Outcome, abandon, perform, side_by_side
from service.core.run_store import Claim, Run
from tests.service.support import NOW, ROUTE
from tests.support.waiting import BOUND


def last(context: Context, job: str = "test") -> Run:
    with context.database.reading() as connection:
        run = run_store.latest(connection, job)
    assert run is not None
    return run


def test_a_run_has_its_row_before_and_after_the_work(empty: Context) -> None:
    def work(claimed: Claim) -> Outcome:
        run = last(empty)
        assert (run.run_id, run.outcome, run.finished_at) == (claimed.run_id, "running", None)
        return Outcome("done", "it went well", {"count": 3})

    assert perform(empty, "test", work).reason == "it went well"
    run = last(empty)
    assert (run.outcome, run.reason, run.detail["count"]) == ("done", "it went well", 3)
    assert run.detail["seconds"] >= 0
    assert run.finished_at is not None


def test_a_period_is_worked_on_once(empty: Context) -> None:
    count: list[Claim] = []

    def work(claimed: Claim) -> Outcome:
        count.append(claimed)
        return Outcome("done", "ok")

    assert perform(empty, "test", work, "monday").outcome == "done"
    assert perform(empty, "test", work, "monday").outcome == "skipped"
    assert perform(empty, "other", work, "monday").outcome == "done"
    perform(empty, "test", work)
    perform(empty, "test", work)
    assert len(count) == 4


def test_a_failure_that_was_foreseen(empty: Context, caplog: pytest.LogCaptureFixture) -> None:
    def work(_: Claim) -> Outcome:
        raise JobError("the source is closed")

    with pytest.raises(JobError, match=r"^the source is closed$"):
        perform(empty, "test", work)
    assert (last(empty).outcome, last(empty).reason) == ("failed", "the source is closed")
    assert "test failed: the source is closed" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_defect_is_logged_whole_and_said_in_one_line(
    empty: Context, caplog: pytest.LogCaptureFixture
) -> None:
    def work(_: Claim) -> Outcome:
        with empty.database.writing() as connection:
            connection.execute(sa.text("INSERT INTO runs (job) VALUES ('x')"))
        return Outcome("done", "never")

    with pytest.raises(JobError, match=r"^test failed: IntegrityError: [^\n]+$"):
        perform(empty, "test", work)
    reason = last(empty).reason
    assert reason is not None
    assert reason.startswith("IntegrityError: ")
    assert "INSERT" not in reason
    assert "\n" not in reason
    assert "Traceback" in caplog.text


def test_no_answer_from_the_database_is_foreseen(
    empty: Context, caplog: pytest.LogCaptureFixture
) -> None:
    def work(_: Claim) -> Outcome:
        with empty.database.reading() as connection:
            connection.execute(sa.text("SELECT * FROM nowhere"))
        return Outcome("done", "never")

    with pytest.raises(Unavailable):
        perform(empty, "test", work)
    assert last(empty).reason == "database: no such table: nowhere"
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_to_be_stopped_is_no_failure(
    empty: Context, stop: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def work(_: Claim) -> Outcome:
        raise stop

    with pytest.raises(stop):
        perform(empty, "test", work)
    assert last(empty).outcome == "stopped"
    assert "Traceback" not in caplog.text


def test_who_is_told_to_stop_stops_though_the_database_does_not_answer(empty: Context) -> None:
    def work(_: Claim) -> Outcome:
        with empty.database.writing() as connection:
            connection.execute(sa.text("ALTER TABLE runs RENAME TO elsewhere"))
        raise SystemExit

    with pytest.raises(SystemExit):
        perform(empty, "test", work)


def test_what_other_threads_have_begun_can_be_abandoned(empty: Context) -> None:
    began, go = threading.Event(), threading.Event()

    def work(_: Claim) -> Outcome:
        began.set()
        assert go.wait(BOUND)
        return Outcome("done", "after all")

    thread = threading.Thread(target=perform, args=(empty, "test", work))
    thread.start()
    assert began.wait(BOUND)
    abandon(empty)
    assert last(empty).outcome == "stopped"
    go.set()
    thread.join()
    assert last(empty).outcome == "done"
    abandon(empty)
    assert last(empty).outcome == "done"


def test_what_was_done_is_logged(empty: Context, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        perform(empty, "test", lambda _: Outcome("done", "5 new"))
    assert "test done: 5 new" in caplog.text


def test_a_run_holds_a_lock_of_its_own_while_it_lasts(empty: Context) -> None:
    def is_held(claimed: Claim) -> bool:
        with empty.database.reading() as connection:
            return locks.is_held(connection, run_store.lock_name(claimed.run_id))

    held: list[Claim] = []

    def work(claimed: Claim) -> Outcome:
        assert is_held(claimed)
        held.append(claimed)
        return Outcome("done", "ok")

    perform(empty, "test", work)
    assert not is_held(held[0])


def test_a_run_that_another_process_claimed_cannot_be_finished_by_the_first(
    empty: Context, caplog: pytest.LogCaptureFixture
) -> None:
    def work(claimed: Claim) -> Outcome:
        with empty.database.writing() as connection:
            run_store.finish(connection, claimed, "stopped", None, {}, NOW)
            assert run_store.claim(connection, "test", "monday", NOW, ROUTE.name) == Claim(
                claimed.run_id, 2
            )
        return Outcome("done", "too late")

    perform(empty, "test", work, "monday")
    assert (last(empty).outcome, last(empty).attempt) == ("running", 2)
    assert "was claimed by another process meanwhile" in caplog.text


def two_routes(context: Context, workers: int) -> Context:
    more = {"routes": "channel,italy", "workers": workers}
    return Context(context.settings.model_copy(update=more), context.database)


def test_routes_are_worked_on_side_by_side(empty: Context) -> None:
    together = threading.Barrier(2, timeout=BOUND)

    def work(one: Context) -> str:
        together.wait()  # breaks unless both are at work
        return one.route.name

    results = side_by_side(two_routes(empty, workers=5), work)
    assert sorted((one.route.name, result) for one, result in results) == [
        ("channel", "channel"),
        ("italy", "italy"),
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_one_route_raises_costs_the_others_nothing(empty: Context, workers: int) -> None:
    def work(one: Context) -> str:
        if one.route.name == "channel":
            raise ValueError("broken")
        return "done"

    results = side_by_side(two_routes(empty, workers), work)
    assert {one.route.name: str(result) for one, result in results} == {
        "channel": "broken",
        "italy": "done",
    }


def test_whoever_stops_the_work_on_routes_does_not_wait_for_it(empty: Context) -> None:
    begun, go_on, ended = (threading.Event() for _ in range(3))

    def long(_: Claim) -> Outcome:
        begun.set()
        go_on.wait(BOUND)
        return Outcome("done", "too late")

    def work(one: Context) -> None:
        if one.route.name == "channel":
            perform(one, "test", long)
            ended.set()
        begun.wait(BOUND)

    results = side_by_side(two_routes(empty, workers=2), work)
    assert next(results)[0].route.name == "italy"
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert last(empty).outcome == "stopped"
    go_on.set()
    assert ended.wait(BOUND)  # it uses the database, which is closed next
