from __future__ import annotations

import datetime as dt
import logging
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace

import pytest

from service.core import run_store
from service.core.context import Context
from service.core.database import Unavailable, connect
from service.core.job_runner import JobError, Outcome
from service.core.locks import SCHEDULER
from service.core.settings import Settings
from service.scheduler import scheduler as module
from service.scheduler.schedule import Scheduled, schedule
from service.scheduler.scheduler import build, catch_up, run_due
from tests.service.support import ROOT, ROUTE, as_environment, utc
from tests.support.waiting import BOUND

NOON = utc(2026, 1, 5, 12)


def daily(context: Context, done: list[str], name: str = "x", cron: str = "0 9 * * *") -> Scheduled:
    def work(_: Context, period: str) -> Outcome:
        done.append(period)
        return Outcome("done", "ok")

    return Scheduled(name, ROUTE.zone, (cron,), work, "a job")


def state(context: Context, period: str, name: str = "x") -> str | None:
    with context.database.reading() as connection:
        run = run_store.find(connection, name, period, ROUTE.name)
    return run.outcome if run else None


def test_a_late_job_is_not_left_out(empty: Context) -> None:
    scheduler = build(empty)
    names = {job.id.rpartition("-")[0] or job.id for job in scheduler.get_jobs()}
    assert {f"{item.name}-{ROUTE.name}" for item in schedule(empty.settings, ROUTE)} <= names
    assert scheduler._job_defaults["misfire_grace_time"] >= 3600
    assert scheduler._job_defaults["coalesce"]
    assert scheduler._job_defaults["max_instances"] == 1


@pytest.mark.parametrize(("workers", "at_once"), [(1, 1), (5, 2)])
def test_as_many_routes_are_fitted_at_once_as_there_are_workers(
    empty: Context, workers: int, at_once: int
) -> None:
    more = {"routes": "channel,italy", "workers": workers}
    scheduler = build(Context(empty.settings.model_copy(update=more), empty.database))
    assert {"look-channel", "look-italy"} <= {job.id for job in scheduler.get_jobs()}
    scheduler.start(paused=True)
    try:
        assert scheduler._lookup_executor(module.HEAVY)._pool._max_workers == at_once
        assert scheduler._lookup_executor(module.LIGHT)._pool._max_workers == 1
    finally:
        scheduler.shutdown()


def test_what_breaks_of_a_look_costs_the_rest_of_it_nothing(
    empty: Context, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looked: list[str] = []

    def broken(*_: object) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr(module, "reread", broken)
    monkeypatch.setattr(module, "replay", lambda one: looked.append(one.route.name))
    module._look_at_fits(empty, 0.0)
    assert looked == ["channel"]
    assert "the look at channel broke" in caplog.text


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(JobError("no figures"), "failed"), (Unavailable("database: gone"), "stopped")],
)
def test_a_failure_does_not_end_the_scheduler(
    empty: Context, error: Exception, outcome: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(context: Context, period: str) -> Outcome:
        raise error

    with caplog.at_level(logging.DEBUG):  # who debugs is told each time
        run_due(empty, Scheduled("x", ROUTE.zone, ("0 3 * * *",), fail, "a job that fails"), NOON)
    assert f"x did not succeed: {error}" in caplog.text
    assert state(empty, "2026-01-05T03:00:00Z") == outcome


def test_what_a_restart_of_the_database_cut_short_is_done_again_and_not_for_ever(
    empty: Context,
) -> None:
    began: list[str] = []

    def work(_: Context, period: str) -> Outcome:
        began.append(period)
        raise Unavailable("database: terminating connection due to administrator command")

    item = Scheduled("x", ROUTE.zone, ("0 9 * * *",), work, "a job")
    for _ in range(5):
        run_due(empty, item, NOON)
    assert len(began) == 3
    assert state(empty, "2026-01-05T09:00:00Z") == "failed"


def test_a_time_is_worked_on_once_whoever_sees_that_it_is_due(empty: Context) -> None:
    done: list[str] = []
    item = daily(empty, done)
    for minutes in (0, 1, 600):
        run_due(empty, item, utc(2026, 1, 5, 9) + dt.timedelta(minutes=minutes))
    assert done == ["x 2026-01-05T09:00:00Z"]
    run_due(empty, item, utc(2026, 1, 6, 9))
    assert done[1:] == ["x 2026-01-06T09:00:00Z"]


def test_of_several_missed_the_last_is_caught_up_unless_it_is_too_old(empty: Context) -> None:
    done: list[str] = []
    item = daily(empty, done, cron="0 3,6,9 * * *")
    run_due(empty, item, NOON)
    assert done == ["x 2026-01-05T09:00:00Z"]
    weekly = daily(empty, done, "weekly", "0 9 * * sun")
    run_due(empty, weekly, NOON)
    assert len(done) == 1, "the last was 27 hours ago"


def test_what_was_stopped_is_done_again_and_what_failed_is_not(empty: Context) -> None:
    done: list[str] = []
    item = daily(empty, done)
    period = "2026-01-05T09:00:00Z"
    with empty.database.writing() as connection:
        claimed = run_store.claim(connection, "x", period, NOON, ROUTE.name)
        assert claimed is not None
    run_due(empty, item, NOON)
    assert done == [], "another process is at it"
    with empty.database.writing() as connection:
        run_store.finish(connection, claimed, "stopped", None, {}, NOON)
    run_due(empty, item, NOON)
    assert done == [f"x {period}"]
    with empty.database.writing() as connection:
        again = run_store.Claim(claimed.run_id, 2)
        run_store.finish(connection, again, "failed", None, {}, NOON)
    run_due(empty, item, NOON)
    assert len(done) == 1


def test_a_time_without_need_leaves_no_row(empty: Context) -> None:
    done: list[str] = []
    item = replace(daily(empty, done), is_needed=lambda *_: False)
    run_due(empty, item, NOON)
    assert done == []
    assert state(empty, "2026-01-05T09:00:00Z") is None


def test_gov_uk_is_not_asked_again_at_midnight(filled: Context) -> None:
    """The figure of the day before each time was there, whatever day it is meanwhile."""
    done: list[str] = []
    settings = filled.settings.model_copy(update={"source": "declared"})
    (again,) = [item for item in schedule(settings, ROUTE) if item.name == "renew-again"]
    again = replace(again, work=daily(filled, done).work)
    now = utc(2026, 1, 1, 14)  # the last figure is that of 31 December
    while now < utc(2026, 1, 2, 13, 50):
        run_due(filled, again, now)
        now += dt.timedelta(minutes=10)
    assert done == []
    for hour, minute in ((14, 0), (20, 40), (20, 59)):
        run_due(filled, again, utc(2026, 1, 2, hour, minute))
    assert done == [f"renew-again 2026-01-02T{time}:00Z" for time in ("14:00", "20:40")]


def test_gov_uk_is_not_asked_again_after_the_hour_of_its_day(filled: Context) -> None:
    done: list[str] = []
    settings = filled.settings.model_copy(update={"source": "declared"})
    (again,) = [item for item in schedule(settings, ROUTE) if item.name == "renew-again"]
    again = replace(again, work=daily(filled, done).work)
    for now in (utc(2026, 1, 2, 21), utc(2026, 1, 3, 0), utc(2026, 1, 3, 9)):
        run_due(filled, again, now)
    assert done == []
    with filled.database.writing() as connection:
        claimed = run_store.claim(
            connection, "renew-again", "2026-01-02T20:40:00Z", NOON, ROUTE.name
        )
        assert claimed
        run_store.finish(connection, claimed, "stopped", None, {}, NOON)
    run_due(filled, again, utc(2026, 1, 2, 21, 5))
    assert done == ["renew-again 2026-01-02T20:40:00Z"], "what was begun is ended"


@pytest.mark.parametrize(
    ("begin", "jump"),
    [
        (utc(2026, 1, 5), dt.timedelta(0)),
        (utc(2026, 1, 5), dt.timedelta(hours=-1)),
        (utc(2026, 1, 5), dt.timedelta(hours=1)),
        (utc(2026, 3, 28, 12), dt.timedelta(0)),  # the clocks go forward that night
        (utc(2026, 10, 24, 12), dt.timedelta(0)),  # and back
        (utc(2026, 10, 24, 12), dt.timedelta(hours=-1)),
    ],
)
def test_each_time_is_done_once_through_jumps_of_the_clock(
    empty: Context, monkeypatch: pytest.MonkeyPatch, begin: dt.datetime, jump: dt.timedelta
) -> None:
    """Two days in steps of ten minutes, with one jump after fourteen hours."""
    settings = empty.settings.model_copy(update={"weather": "openmeteo"})
    done: list[str] = []
    items = [
        replace(item, work=daily(empty, done).work)
        for item in schedule(settings, ROUTE)
        if item.is_recorded
    ]
    monkeypatch.setattr(module, "schedule", lambda *_: items)
    now, end, jumped = begin, begin + dt.timedelta(days=2), False
    while now < end:
        monkeypatch.setattr(module, "utc_now", lambda now=now: now)
        for fits in (True, False):
            catch_up(empty, fits)
        now += dt.timedelta(minutes=10)
        if not jumped and now - begin > dt.timedelta(hours=14):
            now, jumped = now + jump, True
    assert max(Counter(done).values()) == 1
    expected = set()
    for item in items:
        at = item.next_due(begin)
        while at is not None and at < end:
            expected.add(f"{item.name} {at:%Y-%m-%dT%H:%M:%SZ}")
            at = item.next_due(at)
    missed = expected - set(done)
    assert not missed


def test_the_night_when_an_hour_comes_twice(empty: Context) -> None:
    for settings_time in ("01:00", "01:30", "01:59"):
        with pytest.raises(ValueError, match="prune_time"):
            Settings(prune_time=settings_time)
    (tidy,) = [item for item in schedule(empty.settings, ROUTE) if item.name == "tidy"]
    fires = [tidy.next_due(utc(2026, 10, day, 12)) for day in (23, 24, 25)]
    assert [at.astimezone(ROUTE.zone).time() for at in fires if at] == [dt.time(3, 40)] * 3


def test_a_fit_holds_up_no_other_job_and_a_scheduler_that_waits_does_none(
    empty: Context, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slow_began, go, done = threading.Event(), threading.Event(), threading.Event()

    def slow(context: Context, period: str) -> None:
        slow_began.set()
        assert go.wait(BOUND)

    def quick(context: Context, period: str) -> None:
        assert slow_began.wait(BOUND)
        done.set()

    item = Scheduled("quick", ROUTE.zone, ("* * * * *",), quick, "a job that fits nothing")
    fit = replace(item, name="slow", work=slow, fits=True)
    monkeypatch.setattr(module, "schedule", lambda *_: [item, fit])
    lock = empty.database.lock(SCHEDULER)
    assert lock.acquire()
    guarded = module._OnlyWithLock(empty.database)
    for _ in range(2):
        guarded(catch_up, empty, False)
    assert not runs_of(empty), "another process has the lock"
    assert caplog.text.count("another scheduler is at work") == 1
    lock.release()
    scheduler = build(empty)
    thread = threading.Thread(target=scheduler.start, daemon=True)
    thread.start()
    try:
        assert done.wait(BOUND), "the fit still goes on"
    finally:
        go.set()
        scheduler.shutdown()
        thread.join(BOUND)


def test_a_database_that_is_away_is_one_warning_and_no_work(
    caplog: pytest.LogCaptureFixture,
) -> None:
    database, done = connect("postgresql://127.0.0.1:9/nowhere"), []
    guarded = module._OnlyWithLock(database)
    for _ in range(2):
        guarded(lambda: done.append(1))
    assert not done
    assert [r.message for r in caplog.records if "could not be taken" in r.message] != []
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 1


def test_what_stops_work_is_logged_again_when_it_comes_back(
    empty: Context, caplog: pytest.LogCaptureFixture
) -> None:
    lock, guarded, done = empty.database.lock(SCHEDULER), module._OnlyWithLock(empty.database), []
    for _ in range(2):
        assert lock.acquire()
        guarded(lambda: done.append(1))
        guarded(lambda: done.append(1))
        lock.release()
        guarded(lambda: done.append(1))
        guarded._lock.release()
    assert done == [1, 1]
    assert caplog.text.count("another scheduler is at work") == 2


def test_a_database_that_fails_in_a_job_breaks_no_job(
    empty: Context, caplog: pytest.LogCaptureFixture
) -> None:
    def work() -> None:
        raise Unavailable("database: gone")

    with caplog.at_level(logging.DEBUG):
        module._OnlyWithLock(empty.database)(work)
    assert [r.levelno for r in caplog.records if "database: gone" in r.message] == [logging.DEBUG]


def runs_of(context: Context) -> list[run_store.Run]:
    with context.database.reading() as connection:
        return run_store.recent(connection, "quick")


def test_a_request_to_end_is_heard_whatever_the_scheduler_does(empty: Context) -> None:
    """It comes while the library submits a job, where it catches every exception."""
    script = (
        "import os, signal\n"
        "from apscheduler.executors.pool import ThreadPoolExecutor\n"
        "from service.core.context import open_context\n"
        "from service.core.settings import load\n"
        "from service.scheduler import scheduler\n"
        "ThreadPoolExecutor.submit_job = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
        "scheduler.run(open_context(load()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=as_environment(empty.settings),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        timeout=BOUND,
    )
    assert done.returncode == 0, done.stderr
