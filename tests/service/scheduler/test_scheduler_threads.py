from __future__ import annotations

import datetime as dt
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from service.core import run_store
from service.core.context import Context
from service.core.database import Unavailable, connect
from service.core.locks import SCHEDULER
from service.scheduler import scheduler as module
from service.scheduler.schedule import Scheduled
from service.scheduler.scheduler import catch_up, start
from tests.service.support import ROOT, ROUTE, as_environment, utc
from tests.support.waiting import BOUND, wait_until


@contextmanager
def at_work(context: Context) -> Iterator[None]:
    stop = threading.Event()
    threads = start(context, stop)
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(BOUND)
        assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize(("workers", "at_once"), [(1, 1), (5, 2)])
def test_as_many_routes_are_fitted_at_once_as_there_are_workers(
    empty: Context, monkeypatch: pytest.MonkeyPatch, workers: int, at_once: int
) -> None:
    together = threading.Barrier(at_once)
    begun: list[str] = []
    at_work_now: list[int] = []
    count = threading.Semaphore(2)

    def fit(context: Context, period: str) -> None:
        assert count.acquire(timeout=BOUND)
        together.wait(BOUND)
        at_work_now.append(2 - count._value)
        time.sleep(0.2)  # too many at once would meet here
        count.release()
        begun.append(context.route.name)

    item = Scheduled("fit", ROUTE.zone, ("* * * * *",), fit, "a fit", is_recorded=False, fits=True)
    monkeypatch.setattr(module, "schedule", lambda *_: [item])
    monkeypatch.setattr(module, "_LOOK_SECONDS", BOUND)
    more = {"routes": "channel,italy", "workers": workers}
    with at_work(Context(empty.settings.model_copy(update=more), empty.database)):
        wait_until(lambda: len(begun) == 2, "both routes are fitted")
    assert max(at_work_now) == at_once
    assert sorted(begun) == ["channel", "italy"]


def test_what_breaks_of_a_look_costs_the_rest_of_it_nothing(
    empty: Context, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looked: list[str] = []

    def broken(*_: object) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(module, "_reread", broken)
    monkeypatch.setattr(module, "replay", lambda one: looked.append(one.route.name))
    with at_work(empty):
        wait_until(lambda: len(looked) > 1, "it looks again")
    assert set(looked) == {"channel"}
    assert "fits of channel broke" in caplog.text


def test_a_process_that_began_before_the_clock_was_set_began_as_long_ago(
    empty: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dt.datetime] = []
    monkeypatch.setattr(module, "reread", lambda _, started_at: asked.append(started_at))
    monkeypatch.setattr(module, "utc_now", lambda: utc(2020, 1, 1))
    module._reread(empty, module.time.monotonic() - 60)
    assert abs(asked[0] - utc(2019, 12, 31, 23, 59)) < dt.timedelta(seconds=BOUND)


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
        guarded(lambda: catch_up(empty, False))
    assert not runs_of(empty), "another process has the lock"
    assert caplog.text.count("another scheduler is at work") == 1
    lock.release()
    with at_work(empty):
        try:
            assert done.wait(BOUND), "the fit still goes on"
        finally:
            go.set()


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
    script = (
        "import os, signal\n"
        "from service.core.context import open_context\n"
        "from service.core.settings import load\n"
        "from service.scheduler import scheduler\n"
        "scheduler.close_dead = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
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
