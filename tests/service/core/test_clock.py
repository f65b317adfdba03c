import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from service.core.clock import (
    day_columns,
    format_age,
    format_instant,
    parse_date,
    span_before,
    utc_now,
)


def test_utc_now_has_whole_seconds():
    now = utc_now()
    assert now.utcoffset() == dt.timedelta(0)
    assert now.microsecond == 0
    assert abs((dt.datetime.now(dt.UTC) - now).total_seconds()) < 5


def test_age_is_in_hours_up_to_two_days():
    hour = dt.timedelta(hours=1)
    ages = [36 * hour, 47.99 * hour, 48 * hour, 71.99 * hour, 14.5 * 24 * hour]
    written = ["36 hours", "47 hours", "2 days", "2 days", "14 days"]
    assert [format_age(age) for age in ages] == written


def test_instant_is_written_in_utc_to_the_second():
    london = dt.datetime(2025, 7, 1, 14, 0, 5, 999, ZoneInfo("Europe/London"))
    assert format_instant(london) == "2025-07-01T13:00:05Z"
    assert format_instant(dt.datetime(1, 1, 2, tzinfo=dt.UTC)) == "0001-01-02T00:00:00Z"


@pytest.mark.parametrize(
    ("first", "last", "years", "begin", "end"),
    [
        # Seven days stay seven, with 29 February in either year.
        ("2025-02-25", "2025-03-03", 1, "2024-02-26", "2024-03-03"),
        ("2024-02-23", "2024-02-29", 1, "2023-02-22", "2023-02-28"),
        ("2025-06-10", "2025-06-16", 3, "2022-06-10", "2022-06-16"),
        # Calendar months and years keep their dates.
        ("2024-02-01", "2024-02-29", 1, "2023-02-01", "2023-02-28"),
        ("2025-01-01", "2025-03-02", 1, "2024-01-01", "2024-03-02"),
        ("2024-02-29", "2024-02-29", 4, "2020-02-29", "2020-02-29"),
    ],
)
def test_span_before_keeps_days_or_dates(first, last, years, begin, end):
    at = dt.date.fromisoformat
    assert span_before(at(first), at(last), years) == (at(begin), at(end))


def test_day_columns_are_time_and_date():
    columns = day_columns(dt.date(2026, 1, 9))
    assert [*columns.items()] == [("time", "2026-01-09T00:00:00Z"), ("date", "2026-01-09")]


@pytest.mark.parametrize("text", ["20241018", "2024-W42-5", "2024-10-18T00:00", "2024-02-30", ""])
def test_dates_have_one_form(text):
    assert parse_date("2024-10-18") == dt.date(2024, 10, 18)
    with pytest.raises(ValueError):
        parse_date(text)
