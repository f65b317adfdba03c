import datetime as dt
import logging
from collections import Counter
from dataclasses import replace

import pytest

from service.core import run_store
from service.core.database import Unavailable
from service.core.job_runner import JobError, Outcome
from service.core.locks import try_lock
from service.scheduler import scheduler
from service.scheduler.schedule import Scheduled, schedule
from service.scheduler.scheduler import catch_up, run_due, run_next_request
from tests.service.support import ROUTE, record_run, utc

NOON = utc(2026, 1, 5, 12)


def daily_job(periods, name="x", cron="0 9 * * *", error=None):
    def work(_, period):
        periods.append(period)
        if error:
            raise error
        return Outcome("done", "ok")

    return Scheduled(name, ROUTE.zone, (cron,), work, "a job")


def read_outcome(context, period, name="x"):
    with context.database.reading() as connection:
        run = run_store.get_run(connection, name, period, ROUTE.name)
    return run.outcome if run else None


@pytest.mark.parametrize(
    ("error", "outcome", "times"),
    [(JobError("no figures"), "failed", 1), (Unavailable("database: gone"), "stopped", 3)],
)
def test_failed_job_is_recorded_and_repeated_if_the_database_stopped_it(
    empty, error, outcome, times, caplog
):
    periods = []
    item = daily_job(periods, error=error)
    with caplog.at_level(logging.DEBUG):
        run_due(empty, item, NOON)
    assert f"x did not succeed: {error}" in caplog.text
    assert read_outcome(empty, "2026-01-05T09:00:00Z") == outcome
    for _ in range(4):
        run_due(empty, item, NOON)
    assert len(periods) == times
    assert read_outcome(empty, "2026-01-05T09:00:00Z") == "failed"


def test_last_missed_time_is_caught_up_unless_too_old(empty):
    periods = []
    run_due(empty, daily_job(periods, cron="0 3,6,9 * * *"), NOON)
    assert periods == ["x 2026-01-05T09:00:00Z"]
    run_due(empty, daily_job(periods, "weekly", "0 9 * * sun"), NOON)
    assert len(periods) == 1, "a time 27 hours ago was caught up"


def test_run_of_another_process_is_repeated_once_it_is_stopped(empty):
    periods = []
    item = daily_job(periods)
    period = "2026-01-05T09:00:00Z"
    with empty.database.writing() as connection:
        claimed = run_store.claim_run(connection, "x", period, NOON, ROUTE.name)
    run_due(empty, item, NOON)
    assert periods == [], "run although another process has claimed it"
    with empty.database.writing() as connection:
        run_store.finish_run(connection, claimed, "stopped", None, {}, NOON)
    run_due(empty, item, NOON)
    assert periods == [f"x {period}"]


def test_run_of_a_dead_process_is_closed(empty, caplog):
    record_run(empty.database, "the last", NOON, job="x")
    scheduler.close_dead(empty)
    assert read_outcome(empty, "the last") == "stopped"
    assert "x of the last is closed: its process has died" in caplog.text


def test_stopped_request_is_run_again_once_no_other_process_has_it(empty):
    with empty.database.writing() as connection:
        run = run_store.request_run(connection, "refit", "a", NOON, ROUTE.name)
        claimed = run_store.claim_run(connection, "refit", run.period, NOON, ROUTE.name)
        run_store.finish_run(connection, claimed, "stopped", None, {}, NOON)

    def run_request():
        run_next_request(empty, ("refit",))
        with empty.database.reading() as connection:
            return run_store.get_request(connection, run.run_id)

    with try_lock(empty.database, run_store.lock_name(run.run_id)):
        assert run_request().outcome == "stopped"
    ended = run_request()
    assert (ended.outcome, ended.reason.partition(":")[0]) == ("failed", "no figures are stored")


def renew_again(context, periods):
    settings = context.settings.model_copy(update={"source": "declared"})
    (job,) = [item for item in schedule(settings, ROUTE) if item.name == "renew-again"]
    return replace(job, work=daily_job(periods).work)


def test_renew_again_runs_only_while_the_previous_day_is_missing(filled):
    periods = []
    job = renew_again(filled, periods)
    now = utc(2026, 1, 1, 14)  # the last figure is that of 31 December
    while now < utc(2026, 1, 2, 13, 50):
        run_due(filled, job, now)
        now += dt.timedelta(minutes=10)
    assert periods == []
    assert read_outcome(filled, "2026-01-01T14:00:00Z", "renew-again") is None
    for hour, minute in ((14, 0), (20, 40), (20, 59)):
        run_due(filled, job, utc(2026, 1, 2, hour, minute))
    assert periods == [f"renew-again 2026-01-02T{time}:00Z" for time in ("14:00", "20:40")]
    record_run(filled.database, job="ingest", outcome="failed")
    run_due(filled, job, utc(2026, 1, 3, 14))
    assert len(periods) == 2, "a source that does not answer is retried with back-off instead"


def test_previous_day_is_that_of_the_route(filled):
    route = ROUTE.model_copy(update={"time_zone": "Pacific/Auckland"})
    is_needed, there = renew_again(filled, []).is_needed, filled.for_route(route)
    assert not is_needed(there, utc(2026, 1, 1, 10)), "1 January, 23:00"
    assert is_needed(there, utc(2026, 1, 1, 20)), "2 January, 09:00"


@pytest.mark.parametrize(
    ("start", "jump"),
    [
        (utc(2026, 1, 5), dt.timedelta(hours=-1)),
        (utc(2026, 1, 5), dt.timedelta(hours=1)),
        (utc(2026, 3, 28, 12), dt.timedelta(0)),  # the clocks go forward that night
        (utc(2026, 10, 24, 12), dt.timedelta(hours=-1)),  # and back
    ],
)
def test_each_time_is_run_once_if_the_clock_jumps(empty, monkeypatch, start, jump):
    """Two days in steps of 20 minutes, with a jump after 14 hours."""
    settings = empty.settings.model_copy(update={"weather": "openmeteo"})
    periods = []
    items = [
        replace(item, work=daily_job(periods).work)
        for item in schedule(settings, ROUTE)
        if item.is_recorded
    ]
    monkeypatch.setattr(scheduler, "schedule", lambda *_: items)
    now, end, jumped = start, start + dt.timedelta(days=2), False
    while now < end:
        monkeypatch.setattr(scheduler, "utc_now", lambda now=now: now)
        for fits in (True, False):
            catch_up(empty, fits)
        now += dt.timedelta(minutes=20)
        if not jumped and now - start > dt.timedelta(hours=14):
            now, jumped = now + jump, True
    assert max(Counter(periods).values()) == 1
    expected = set()
    for item in items:
        at = item.next_due(start)
        while at is not None and at < end:
            expected.add(f"{item.name} {at:%Y-%m-%dT%H:%M:%SZ}")
            at = item.next_due(at)
    assert not expected - set(periods), "missed"
