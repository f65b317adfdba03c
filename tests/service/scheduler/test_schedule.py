from __future__ import annotations

import datetime as dt

import pytest
from pydantic import TypeAdapter

from service.core.setting_types import Times
from service.core.settings import Settings
from service.scheduler.schedule import schedule
from tests.service.support import ROUTE, utc


def find_job(name, **settings):
    (item,) = [item for item in schedule(Settings(**settings), ROUTE) if item.name == name]  # type: ignore[arg-type]
    return item


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
    assert find_job("renew").next_due(after) == at


def test_last_due_time_within_a_period():
    renew = find_job("renew")
    now = utc(2026, 1, 10, 12)
    assert renew.last_due(now, now - dt.timedelta(days=1)) == utc(2026, 1, 10, 9, 40)
    assert renew.last_due(utc(2026, 1, 10, 9, 40), utc(2026, 1, 10)) == utc(2026, 1, 10, 9, 40)
    assert renew.last_due(now, now - dt.timedelta(hours=1)) is None


def test_renew_again_is_due_every_20_minutes_until_evening():
    declared = Settings(source="declared")
    job = find_job("renew-again", source="declared")
    day = utc(2026, 1, 5)
    due, times = job.next_due(day), []
    while due is not None and due < day + dt.timedelta(days=1):
        times.append(f"{due:%H:%M}")
        due = job.next_due(due)
    assert times[:4] == ["14:00", "14:20", "14:40", "15:00"]
    assert times[-1] == "20:40"
    saturday = job.next_due(utc(2026, 1, 10))
    assert saturday == utc(2026, 1, 10, 10)
    early = ROUTE.model_copy(update={"read_times": "00:10"})
    (job,) = [one for one in schedule(declared, early) if one.name == "renew-again"]
    assert job.next_due(day) == day + dt.timedelta(hours=3), "within the hour that autumn repeats"
    with pytest.raises(ValueError, match="not enough"):
        find_job("renew-again", source="figures")


@pytest.mark.parametrize("zone", ["Europe/London", "Europe/Rome"])
def test_possible_times_come_once_when_clocks_change(zone):
    hours = [f"{hour:02}:30" for hour in range(24)]
    possible = [hour for hour in hours if not 1 <= int(hour[:2]) <= 2]
    assert TypeAdapter(Times).validate_python(",".join(possible)).count(",") == 21
    for time in possible:
        times = {"time_zone": zone, "read_times": time, "read_times_weekend": ""}
        route = ROUTE.model_copy(update=times)
        (job,) = [one for one in schedule(Settings(), route) if one.name == "renew"]
        for night in (dt.date(2026, 3, 29), dt.date(2026, 10, 25)):
            due, days = job.next_due(utc(2026, night.month, night.day - 2)), []
            while due is not None and due.astimezone(job.zone).date() <= night:
                days.append(due.astimezone(job.zone).date())
                due = job.next_due(due)
            assert days.count(night) == 1, (time, night)


def test_only_enabled_jobs_are_scheduled():
    def names(settings):
        return [item.name for item in schedule(settings, ROUTE)]

    assert names(Settings()) == ["renew", "tidy"]
    enabled = Settings(source="declared", weather="openmeteo", smtp_host="mail.example.org")
    assert names(enabled) == ["renew", "renew-again", "read-weather", "tidy", "post"]
    unread = ROUTE.model_copy(update={"read_times": "", "read_times_weekend": ""})
    assert [item.name for item in schedule(Settings(), unread)] == ["tidy"]


def test_weather_is_read_four_times_a_day():
    crons = find_job("read-weather", weather="openmeteo").crons
    assert crons == tuple(f"25 {hour} * * *" for hour in (5, 11, 17, 23))
