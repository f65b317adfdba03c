from __future__ import annotations

import datetime as dt

import pytest

from service.clock import LONDON
from service.context import Context
from service.jobs import clock as module
from service.jobs.clock import SCHEDULE, Scheduled, build
from service.jobs.record import JobError
from service.store.database import Unavailable
from tests.service.support import utc


def fires(name: str, after: dt.datetime) -> dt.datetime:
    (item,) = [item for item in SCHEDULE if item.name == name]
    found = item.trigger.get_next_fire_time(None, after)
    assert found is not None
    return found.astimezone(dt.UTC)


@pytest.mark.parametrize(
    ("after", "at"),
    [
        (utc(2026, 1, 5, 0), utc(2026, 1, 5, 13, 50)),
        (utc(2026, 7, 6, 0), utc(2026, 7, 6, 12, 50)),
        (utc(2026, 3, 28, 20), utc(2026, 3, 29, 12, 50)),  # the clocks went forward that night
        (utc(2026, 10, 24, 20), utc(2026, 10, 25, 13, 50)),  # and back
    ],
)
def test_renewed_after_the_days_publication(after: dt.datetime, at: dt.datetime) -> None:
    assert fires("renew", after) == at
    assert fires("renew", after).astimezone(LONDON).time() == dt.time(13, 50)


def test_earlier_at_weekends() -> None:
    assert fires("renew-weekend", utc(2026, 1, 5)) == utc(2026, 1, 10, 9, 40)
    assert fires("renew-weekend", utc(2026, 1, 10, 12)) == utc(2026, 1, 11, 9, 40)


def test_a_late_job_is_not_left_out(empty: Context) -> None:
    scheduler = build(empty)
    names = {job.id for job in scheduler.get_jobs()}
    assert {item.name for item in SCHEDULE} <= names
    assert scheduler._job_defaults["misfire_grace_time"] >= 3600
    assert scheduler._job_defaults["coalesce"]
    assert scheduler._job_defaults["max_instances"] == 1


@pytest.mark.parametrize("error", [JobError("no figures"), Unavailable("database: gone")])
def test_a_failure_does_not_end_the_scheduler(
    empty: Context, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(context: Context, period: str) -> None:
        raise error

    module._guarded(empty, Scheduled("x", "0 3 * * *", fail, "a job that fails"))
    assert f"x did not succeed: {error}" in caplog.text


def test_the_same_day_is_worked_on_once(empty: Context) -> None:
    periods: list[str] = []
    item = Scheduled("x", "0 3 * * *", lambda _, period: periods.append(period), "a job")
    module._guarded(empty, item)
    module._guarded(empty, item)
    assert periods[0] == periods[1]
    assert periods[0].startswith("x 20")
