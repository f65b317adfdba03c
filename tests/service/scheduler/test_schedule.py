from __future__ import annotations

import datetime as dt

import pytest

from service.core.context import Context
from service.core.settings import Settings
from service.scheduler.schedule import Scheduled, schedule
from tests.service.support import ROUTE, utc


def find(name: str, **settings: object) -> Scheduled:
    (item,) = [item for item in schedule(Settings(**settings), ROUTE) if item.name == name]  # type: ignore[arg-type]
    return item


@pytest.mark.parametrize(
    ("after", "at"),
    [
        (utc(2026, 1, 5, 0), utc(2026, 1, 5, 13, 50)),
        (utc(2026, 7, 6, 0), utc(2026, 7, 6, 12, 50)),
        (utc(2026, 3, 29, 12), utc(2026, 3, 29, 12, 50)),  # the clocks went forward that night
        (utc(2026, 10, 25, 12), utc(2026, 10, 25, 13, 50)),  # and back
    ],
)
def test_figures_are_read_after_the_days_publication(after: dt.datetime, at: dt.datetime) -> None:
    due = find("renew").next_due(after)
    assert due == at
    assert due.astimezone(ROUTE.zone).time() == dt.time(13, 50)


def test_and_earlier_at_weekends() -> None:
    renew = find("renew")
    assert renew.next_due(utc(2026, 1, 10)) == utc(2026, 1, 10, 9, 40)
    assert renew.next_due(utc(2026, 1, 10, 10)) == utc(2026, 1, 10, 13, 50)
    assert renew.next_due(utc(2026, 1, 9)) == utc(2026, 1, 9, 13, 50)


def test_the_last_time_that_is_due() -> None:
    renew = find("renew")
    now = utc(2026, 1, 10, 12)
    assert renew.last_due(now, now - dt.timedelta(days=1)) == utc(2026, 1, 10, 9, 40)
    assert renew.last_due(utc(2026, 1, 10, 9, 40), utc(2026, 1, 10)) == utc(2026, 1, 10, 9, 40)
    assert renew.last_due(now, now - dt.timedelta(hours=1)) is None


def test_gov_uk_is_asked_again_until_the_evening() -> None:
    again = find("renew-again", source="declared")
    day = utc(2026, 1, 5)
    due, times = again.next_due(day), []
    while due is not None and due < day + dt.timedelta(days=1):
        times.append(f"{due:%H:%M}")
        due = again.next_due(due)
    assert times[:4] == ["14:00", "14:20", "14:40", "15:00"]
    assert times[-1] == "20:40"
    saturday = again.next_due(utc(2026, 1, 10))
    assert saturday == utc(2026, 1, 10, 10)
    early = find("renew-again", source="declared", ingest_times="00:10")
    assert early.next_due(day) == day + dt.timedelta(hours=2), "no hour that may come twice"
    with pytest.raises(ValueError, match="not enough"):
        find("renew-again", source="figures")


def test_only_while_it_lacks_the_day_before(filled: Context) -> None:
    again = find("renew-again", source="declared")
    for day, is_needed in ((1, False), (2, True)):
        assert again.is_needed(filled, utc(2026, 1, day, 15)) == is_needed


def test_until_an_hour_of_its_day_in_the_uk() -> None:
    again, due = find("renew-again", source="declared"), utc(2026, 7, 6, 19, 40)
    assert not again.is_over(due, utc(2026, 7, 6, 19, 59))
    assert again.is_over(due, utc(2026, 7, 6, 20))
    assert again.is_over(due, utc(2026, 7, 6, 23, 30))
    assert not find("renew").is_over(due, utc(2026, 7, 7, 23))


def test_what_is_switched_off_has_no_times() -> None:
    names = [item.name for item in schedule(Settings(), ROUTE)]
    assert names == ["renew", "tidy"]
    on = Settings(source="declared", weather="openmeteo", smtp_host="mail.example.org")
    assert [item.name for item in schedule(on, ROUTE)] == [
        "renew",
        "renew-again",
        "read-weather",
        "tidy",
        "post",
    ]
    none = Settings(ingest_times="", ingest_times_weekend="")
    assert [item.name for item in schedule(none, ROUTE)] == ["tidy"]


def test_weather_is_read_four_times_a_day() -> None:
    item, at = find("read-weather", weather="openmeteo"), utc(2026, 7, 6)
    found = []
    for _ in range(4):
        due = item.next_due(at)
        assert due is not None
        at = due
        found.append(f"{at.astimezone(ROUTE.zone):%H:%M}")
    assert found == ["05:25", "11:25", "17:25", "23:25"]
