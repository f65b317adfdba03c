import logging
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest

from service.core.context import Context
from service.core.database import Unavailable, connect
from service.core.locks import SCHEDULER, ProcessLock
from service.scheduler import scheduler
from service.scheduler.schedule import Scheduled
from service.scheduler.scheduler import start
from tests.service.support import ROUTE, as_environment
from tests.support.commands import run_command
from tests.support.waiting import BOUND, wait_until


@contextmanager
def scheduler_threads(context):
    stop = threading.Event()
    threads = start(context, stop)
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(BOUND)
        assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize(("workers", "expected"), [(1, 1), (5, 2)])
def test_routes_are_fitted_concurrently_up_to_workers(empty, monkeypatch, workers, expected):
    barrier = threading.Barrier(expected)
    fitted, running, most = [], set(), 0

    def fit(context, period):
        nonlocal most
        running.add(context.route.name)
        barrier.wait(BOUND)
        most = max(most, len(running))
        time.sleep(0.2)  # excess fits would overlap here
        running.remove(context.route.name)
        fitted.append(context.route.name)

    item = Scheduled("fit", ROUTE.zone, ("* * * * *",), fit, "a fit", is_recorded=False, fits=True)
    monkeypatch.setattr(scheduler, "schedule", lambda *_: [item])
    monkeypatch.setattr(scheduler, "_LOOK_SECONDS", BOUND)
    update = {"routes": "channel,italy", "workers": workers}
    with scheduler_threads(Context(empty.settings.model_copy(update=update), empty.database)):
        wait_until(lambda: len(fitted) == 2, "both routes are fitted")
    assert most == expected
    assert sorted(fitted) == ["channel", "italy"]


def test_error_in_one_step_does_not_skip_the_others(empty, caplog):
    calls = []

    def fail(error):
        raise error

    works = (partial(fail, ValueError("a defect")), partial(fail, Unavailable("database: gone")))
    with caplog.at_level(logging.DEBUG):
        scheduler._OnlyWithLock(empty.database)(*works, lambda: calls.append(1))
    assert calls == [1]
    levels = {record.message: record.levelname for record in caplog.records}
    assert levels["MainThread failed unexpectedly"] == "ERROR"
    assert levels["MainThread: database: gone"] == "DEBUG", "it is retried every few seconds"


def test_fit_does_not_delay_other_jobs(empty, monkeypatch):
    fit_began, proceed, job_ran = threading.Event(), threading.Event(), threading.Event()

    def run_fit(context, period):
        fit_began.set()
        assert proceed.wait(BOUND)

    def run_job(context, period):
        assert fit_began.wait(BOUND)
        job_ran.set()

    item = Scheduled("quick", ROUTE.zone, ("* * * * *",), run_job, "a job that fits nothing")
    fit = replace(item, name="slow", work=run_fit, fits=True)
    monkeypatch.setattr(scheduler, "schedule", lambda *_: [item, fit])
    with scheduler_threads(empty):
        try:
            assert job_ran.wait(BOUND), "the other job waited for the fit"
        finally:
            proceed.set()


def test_unreachable_database_is_warned_of_once(caplog):
    database, calls = connect("postgresql://127.0.0.1:9/nowhere"), []
    run_with_lock = scheduler._OnlyWithLock(database)
    for _ in range(2):
        run_with_lock(lambda: calls.append(1))
    assert not calls
    assert "could not be taken" in caplog.text
    assert [record.levelname for record in caplog.records].count("WARNING") == 1


def test_other_scheduler_is_logged_once_per_occurrence(empty, caplog):
    lock, calls = ProcessLock(empty.database, SCHEDULER), []
    run_with_lock = scheduler._OnlyWithLock(empty.database)
    for _ in range(2):
        assert lock.acquire()
        run_with_lock(lambda: calls.append(1))
        run_with_lock(lambda: calls.append(1))
        lock.release()
        run_with_lock(lambda: calls.append(1))
        run_with_lock._lock.release()
    assert calls == [1, 1]
    assert caplog.text.count("another scheduler is running") == 2


SCHEDULERS = """
import os, signal, sys
from service.core.context import open_context
from service.core.settings import load_settings
from service.scheduler import scheduler

def run(number, before):
    def end(*_):
        if number not in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
            os._exit(3)  # not waited for: it stays ignored
        os.kill(os.getpid(), number)

    scheduler.close_dead = end
    signal.signal(number, before)
    scheduler.run(open_context(load_settings()))

for number, before in (
    (signal.SIGTERM, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_IGN),  # as under nohup
):
    child = os.fork()
    if child == 0:
        run(number, before)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_scheduler_ends_on_a_signal_during_start(empty):
    process = run_command(sys.executable, "-c", SCHEDULERS, env=as_environment(empty.settings))
    assert process.stdout.split() == ["0", "0", "3"], process.stderr
