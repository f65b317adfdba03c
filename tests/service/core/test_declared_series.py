from __future__ import annotations

import datetime as dt

import pytest

from tests.service.support import ROUTE as CHANNEL
from tests.service.support import utc


def test_a_route_does_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        CHANNEL.series["boats"].unit = "vessels"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (utc(2025, 6, 30, 22, 59), dt.date(2025, 6, 30)),
        (utc(2025, 6, 30, 23, 0), dt.date(2025, 7, 1)),  # midnight of British Summer Time
        (utc(2025, 12, 31, 23, 59), dt.date(2025, 12, 31)),
        (utc(2026, 1, 1, 0, 0), dt.date(2026, 1, 1)),
        (utc(2025, 3, 30, 0, 59), dt.date(2025, 3, 30)),  # the hour that is left out
        (utc(2025, 3, 30, 23, 0), dt.date(2025, 3, 31)),
        (utc(2025, 10, 25, 23, 30), dt.date(2025, 10, 26)),  # the hour that comes twice
        (utc(2025, 10, 26, 23, 30), dt.date(2025, 10, 26)),
    ],
)
def test_a_day_is_a_day_of_the_route(moment: dt.datetime, day: dt.date) -> None:
    assert CHANNEL.day(moment) == day
    assert CHANNEL.day(moment.astimezone(CHANNEL.zone)) == day


@pytest.mark.parametrize(
    ("day", "end"),
    [
        (dt.date(2025, 6, 30), utc(2025, 6, 30, 22, 59, 59)),
        (dt.date(2025, 12, 31), utc(2025, 12, 31, 23, 59, 59)),
        (dt.date(2025, 3, 30), utc(2025, 3, 30, 22, 59, 59)),  # 23 hours long
        (dt.date(2025, 10, 26), utc(2025, 10, 26, 23, 59, 59)),  # 25 hours long
    ],
)
def test_a_day_ends_at_its_last_second_of_the_route(day: dt.date, end: dt.datetime) -> None:
    assert CHANNEL.end_of_day(day) == end
    assert CHANNEL.day(end) == day
    assert CHANNEL.day(end + dt.timedelta(seconds=1)) == day + dt.timedelta(days=1)


def test_a_figure_counts_as_known_the_day_after_at_14() -> None:
    assert CHANNEL.assumed_known_at(dt.date(2025, 12, 31)) == utc(2026, 1, 1, 14)
    assert CHANNEL.assumed_known_at(dt.date(2025, 6, 30)) == utc(2025, 7, 1, 13)
    assert CHANNEL.assumed_known_at(dt.date(2025, 3, 29)) == utc(2025, 3, 30, 13)
    assert CHANNEL.assumed_known_at(dt.date(2024, 2, 28)) == utc(2024, 2, 29, 14)


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (utc(2026, 1, 1, 23, 59, 30), 30),
        (utc(2026, 1, 2), 86_400),
        (utc(2026, 3, 29), 23 * 3600),
        (utc(2026, 10, 24, 23), 25 * 3600),
        (utc(2026, 6, 30, 22, 59, 59), 1),
    ],
)
def test_how_much_is_left_of_a_day_that_may_have_23_or_25_hours(
    moment: dt.datetime, seconds: int
) -> None:
    assert CHANNEL.seconds_left(moment) == seconds
