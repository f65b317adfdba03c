import datetime as dt

import pytest
from pydantic import TypeAdapter

from service.core.setting_types import Times
from service.core.settings import Settings
from service.scheduler.schedule import schedule
from tests.service.support import ROUTE, utc

DAY = dt.timedelta(days=1)


def jobs(is_first=True, route=None, **settings):
    """The scheduled jobs by name, with `route` as changes of the declared one."""
    items = schedule(Settings(**settings), ROUTE.model_copy(update=route), is_first)
    return {item.name: item for item in items}


def list_due(item, after, until):
    due = []
    while (after := item.next_due(after)) and after < until:
        due.append(after)
    return due


@pytest.mark.parametrize(
    ("after", "at"),
    [
        (utc(2026, 1, 5, 0), utc(2026, 1, 5, 13, 50)),
        (utc(2026, 7, 6, 0), utc(2026, 7, 6, 12, 50)),  # in summer time
        (utc(2026, 1, 10), utc(2026, 1, 10, 9, 40)),  # at weekends
        (utc(2026, 1, 10, 10), utc(2026, 1, 10, 13, 50)),
    ],
)
def test_renew_is_due_at_1350_local_time_and_earlier_at_weekends(after, at):
    assert jobs()["renew"].next_due(after) == at


def test_last_due_time_within_a_period():
    renew, now, due = jobs()["renew"], utc(2026, 1, 10, 12), utc(2026, 1, 10, 9, 40)
    assert renew.last_due(now, now - DAY) == renew.last_due(due, utc(2026, 1, 10)) == due
    assert renew.last_due(now, now - dt.timedelta(hours=1)) is None


def test_renew_again_is_due_every_20_minutes_until_evening():
    job, day = jobs(source="declared")["renew-again"], utc(2026, 1, 5)
    times = [f"{due:%H:%M}" for due in list_due(job, day, day + DAY)]
    assert times[:4] == ["14:00", "14:20", "14:40", "15:00"]
    assert times[-1] == "20:40"
    assert job.next_due(utc(2026, 1, 10)) == utc(2026, 1, 10, 10), "at weekends"
    early = jobs(source="declared", route={"read_times": "00:10"})["renew-again"]
    assert early.next_due(day) == utc(2026, 1, 5, 3), "within the hour that autumn repeats"


@pytest.mark.parametrize("zone", ["Europe/London", "Europe/Rome"])
def test_possible_times_come_once_when_clocks_change(zone):
    times = [f"{hour:02}:30" for hour in range(24) if not 1 <= hour <= 2]
    assert TypeAdapter(Times).validate_python(",".join(times))
    for time in times:
        route = {"time_zone": zone, "read_times": time, "read_times_weekend": ""}
        job = jobs(route=route)["renew"]
        for night in (utc(2026, 3, 29), utc(2026, 10, 25)):
            due = list_due(job, night - 2 * DAY, night + 2 * DAY)
            dates = [at.astimezone(job.zone).date() for at in due]
            assert dates.count(night.date()) == 1, (time, night)


def test_times_of_a_repeated_hour_come_in_order():
    """In the Azores 00:00 to 00:59 comes twice on 25 October 2026."""
    route = {"time_zone": "Atlantic/Azores", "read_times": "00:20,00:40", "read_times_weekend": ""}
    due = list_due(jobs(route=route)["renew"], utc(2026, 10, 24, 23), utc(2026, 10, 25, 3))
    times = [(at.hour, at.minute) for at in due]
    assert times == [(0, 20), (0, 40), (1, 20), (1, 40)]


def test_only_enabled_jobs_are_scheduled():
    assert list(jobs()) == ["renew", "tidy"]
    enabled = jobs(source="declared", weather="openmeteo", smtp_host="mail.example.org")
    assert list(enabled) == ["read-weather", "renew", "renew-again", "tidy", "post"]
    assert enabled["read-weather"].crons == tuple(f"25 {at} * * *" for at in (5, 11, 17, 23))
    unread = {"read_times": "", "read_times_weekend": ""}
    assert list(jobs(source="declared", route=unread)) == ["tidy"]
    assert not jobs(is_first=False, route=unread)
