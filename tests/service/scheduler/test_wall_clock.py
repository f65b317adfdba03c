from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from apscheduler.executors import base as executors
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers import base as schedulers
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from service.core.context import Context
from service.scheduler import scheduler as module
from service.scheduler.wall_clock import ClockWatch, FromNow, every, keep_time
from tests.service.support import ROUTE, utc
from tests.support.waiting import BOUND, wait_until

DAY = dt.timedelta(days=1)
shift = dt.timedelta(0)


class Shifted(dt.datetime):
    """The wall clock as APScheduler reads it, set by `shift`."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
        return dt.datetime.now(tz) + shift


@contextmanager
def at_work(counted: list[float]) -> Iterator[BackgroundScheduler]:
    scheduler = BackgroundScheduler(timezone=dt.UTC, executors={"default": ThreadPoolExecutor(1)})
    scheduler.add_job(lambda: counted.append(0.0), every(1), id="x", misfire_grace_time=3600)
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.shutdown()


@pytest.mark.parametrize("days", [-1, -4000, 1, 20_000])
def test_a_clock_that_is_set_does_not_stop_the_jobs(
    monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    for one in (schedulers, executors):
        monkeypatch.setattr(one, "datetime", Shifted)
    monkeypatch.setattr(f"{__name__}.shift", dt.timedelta(0))
    counted: list[float] = []
    watch = ClockWatch(wall=lambda: (dt.datetime.now(dt.UTC) + shift).timestamp())
    with at_work(counted) as scheduler:
        threading.Thread(target=keep_time, args=(scheduler, watch, 0.05), daemon=True).start()
        wait_until(lambda: counted, "the job runs")
        monkeypatch.setattr(f"{__name__}.shift", days * DAY)
        before = len(counted)
        wait_until(lambda: len(counted) > before + 2, "it goes on")
        (job,) = scheduler.get_jobs()
        assert abs(job.next_run_time - Shifted.now(dt.UTC)) < dt.timedelta(seconds=BOUND)


def test_a_watch_tells_by_how_much_and_once() -> None:
    wall, steady = [100.0], [7.0]
    watch = ClockWatch(lambda: wall[0], lambda: steady[0])
    wall[0], steady[0] = 130.0, 37.0
    assert watch.look() == 0
    wall[0], steady[0] = 130.0 - 3600, 47.0
    assert watch.look() == -3610
    assert watch.look() == 0


def test_times_are_counted_from_now_alone() -> None:
    trigger = FromNow(CronTrigger.from_crontab("50 13 * * *", timezone=ROUTE.zone))
    due = utc(2026, 1, 5, 13, 50)
    assert trigger.get_next_fire_time(None, due - DAY / 24) == due
    assert trigger.get_next_fire_time(None, due) == due + DAY, "after now, never now"
    assert trigger.get_next_fire_time(due - 9000 * DAY, due) == due + DAY


def test_every_job_of_the_scheduler_counts_from_now(empty: Context) -> None:
    jobs = module.build(empty).get_jobs()
    assert {type(job.trigger) for job in jobs} == {FromNow}


def test_a_process_that_began_before_the_clock_was_set_began_as_long_ago(
    empty: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dt.datetime] = []
    monkeypatch.setattr(module, "reread", lambda _, started_at: asked.append(started_at))
    monkeypatch.setattr(module, "utc_now", lambda: utc(2020, 1, 1))
    module._reread(empty, module.time.monotonic() - 60)
    assert abs(asked[0] - utc(2019, 12, 31, 23, 59)) < dt.timedelta(seconds=BOUND)
