from __future__ import annotations

import datetime as dt

import pytest

from service.core.clock import (
    LONDON,
    assumed_known_at,
    day_columns,
    end_of_day,
    instant,
    seconds_left,
    span_before,
    uk_day,
    utc_now,
)
from tests.service.support import utc


def test_now_is_utc_to_the_second() -> None:
    now = utc_now()
    assert now.utcoffset() == dt.timedelta(0)
    assert now.microsecond == 0
    assert abs((dt.datetime.now(dt.UTC) - now).total_seconds()) < 5


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
def test_a_day_is_a_day_in_london(moment: dt.datetime, day: dt.date) -> None:
    assert uk_day(moment) == day
    assert uk_day(moment.astimezone(LONDON)) == day


@pytest.mark.parametrize(
    ("day", "end"),
    [
        (dt.date(2025, 6, 30), utc(2025, 6, 30, 22, 59, 59)),
        (dt.date(2025, 12, 31), utc(2025, 12, 31, 23, 59, 59)),
        (dt.date(2025, 3, 30), utc(2025, 3, 30, 22, 59, 59)),  # 23 hours long
        (dt.date(2025, 10, 26), utc(2025, 10, 26, 23, 59, 59)),  # 25 hours long
    ],
)
def test_a_day_ends_at_its_last_second_in_london(day: dt.date, end: dt.datetime) -> None:
    assert end_of_day(day) == end
    assert uk_day(end) == day
    assert uk_day(end + dt.timedelta(seconds=1)) == day + dt.timedelta(days=1)


def test_a_figure_counts_as_known_the_day_after_at_14_london() -> None:
    assert assumed_known_at(dt.date(2025, 12, 31)) == utc(2026, 1, 1, 14)
    assert assumed_known_at(dt.date(2025, 6, 30)) == utc(2025, 7, 1, 13)
    assert assumed_known_at(dt.date(2025, 3, 29)) == utc(2025, 3, 30, 13)
    assert assumed_known_at(dt.date(2024, 2, 28)) == utc(2024, 2, 29, 14)


def test_an_instant_is_written_with_z() -> None:
    assert instant(dt.datetime(2025, 7, 1, 14, 0, 5, 999, LONDON)) == "2025-07-01T13:00:05Z"


@pytest.mark.parametrize(
    ("first", "last", "years", "begin", "end"),
    [
        # Seven days stay seven, whether the 29 February lies in the one year or in the other.
        ("2025-02-25", "2025-03-03", 1, "2024-02-26", "2024-03-03"),
        ("2024-02-23", "2024-02-29", 1, "2023-02-22", "2023-02-28"),
        ("2025-06-10", "2025-06-16", 3, "2022-06-10", "2022-06-16"),
        # Months and years keep their dates.
        ("2024-02-01", "2024-02-29", 1, "2023-02-01", "2023-02-28"),
        ("2025-01-01", "2025-03-02", 1, "2024-01-01", "2024-03-02"),
        ("2024-02-29", "2024-02-29", 4, "2020-02-29", "2020-02-29"),
    ],
)
def test_a_span_of_an_earlier_year(first: str, last: str, years: int, begin: str, end: str) -> None:
    at = dt.date.fromisoformat
    assert span_before(at(first), at(last), years) == (at(begin), at(end))


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
    assert seconds_left(moment) == seconds


def test_the_row_of_a_day_begins_with_its_time_and_date() -> None:
    day = dt.date(2026, 1, 9)
    assert list(day_columns(day).items()) == [
        ("time", "2026-01-09T00:00:00Z"),
        ("date", "2026-01-09"),
    ]
