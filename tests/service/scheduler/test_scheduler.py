from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from dataclasses import replace

import pytest

from service.core import run_store
from service.core.context import Context
from service.core.database import Unavailable
from service.core.job_runner import JobError, Outcome
from service.core.settings import Settings
from service.scheduler import scheduler as module
from service.scheduler.schedule import Scheduled, schedule
from service.scheduler.scheduler import catch_up, run_due
from tests.service.support import ROUTE, utc

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
