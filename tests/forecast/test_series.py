"""DailySeries: validation, slices and totals of daily counts."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.series import ONE_DAY, DailySeries, SeriesError, as_day

COUNTS = st.lists(st.integers(0, 2000), min_size=1, max_size=60)


def make_series(values, start="2024-02-27"):
    return DailySeries("people", np.datetime64(start, "D"), np.asarray(values))


@pytest.mark.parametrize(
    "day", ["2024-02-29", dt.date(2024, 2, 29), np.datetime64("2024-02-29T23:00")]
)
def test_as_day(day):
    assert as_day(day) == np.datetime64("2024-02-29", "D")
    assert as_day(day).dtype == np.dtype("datetime64[D]")


def test_dates_include_leap_day():
    series = make_series([1, 2, 3, 4])
    dates = [str(day) for day in series.dates]
    assert dates == ["2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01"]
    assert str(series.data_through) == "2024-03-01"
    assert series.on("2024-02-29") == 3
    assert (len(series), series.name) == (4, "people")


@pytest.mark.parametrize(
    ("values", "index", "message"),
    [
        ([1, -2, 3], 1, "0 or more, found -2"),
        ([1, 2.5], 1, "a whole number such as 437, found 2.5"),
        ([1, np.nan], 1, "a whole number"),
        ([np.inf], 0, "a whole number"),
        ([1, 1e300], 1, "at most 2,147,483,647"),
        ([2**31], 0, "at most 2,147,483,647"),
        ([10**30], 0, "at most 2,147,483,647"),
        (np.array([2**63 + 5], np.uint64), 0, "at most 2,147,483,647"),
        ([], None, "at least one day"),
        ([[1, 2]], None, "at least one day"),
        (["437"], None, "numbers, found values of type"),
        ([None, 1], 0, "a whole number such as 437, found nan"),
        ([object()], None, "numbers"),
        ([1 + 2j], None, "numbers"),
    ],
)
def test_invalid_counts_are_rejected(values, index, message):
    with pytest.raises(SeriesError, match=message) as error:
        make_series(values)
    assert error.value.index == index


def test_missing_first_day_is_rejected():
    with pytest.raises(SeriesError, match="first day"):
        make_series([1], "NaT")


@pytest.mark.parametrize(
    ("days", "index", "message"),
    [
        (["2024-02-28", "2024-03-01"], 1, "2024-02-29, the day after 2024-02-28, found 2024-03-01"),
        (["2024-02-28", "2024-02-28"], 1, "found 2024-02-28"),
        (["2024-02-28", "2024-02-27"], 1, "found 2024-02-27"),
        (["2024-02-28", "NaT"], 1, "found NaT"),
        (["2024-02-28"], None, "1 values, one a day, found 2"),
    ],
)
def test_non_consecutive_days_are_rejected(days, index, message):
    with pytest.raises(SeriesError, match=message) as error:
        DailySeries.from_days("people", days, [1, 2])
    assert error.value.index == index


def test_empty_series_is_rejected():
    with pytest.raises(SeriesError, match="at least one day"):
        DailySeries.from_days("people", [], [])


def test_values_are_copied_and_read_only():
    values = np.array([1, 2, 3])
    series = make_series(values)
    values[0] = 99
    assert series.values[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        series.values[0] = 5


@given(COUNTS, st.integers(-10, 70), st.integers(-10, 70))
def test_between_and_total_match_plain_loop(values, first, last):
    series = make_series(values)
    a, b = series.start + first * ONE_DAY, series.start + last * ONE_DAY
    expected = [v for day, v in zip(series.dates, values, strict=True) if a <= day <= b]
    assert series.total(a, b) == sum(expected)
    if expected:
        part = series.between(a, b)
        assert part.values.tolist() == expected
        assert part.start == max(a, series.start)
        assert all(series.on(day) == part.on(day) for day in part.dates)
    else:
        with pytest.raises(SeriesError):
            series.between(a, b)


@given(COUNTS, st.integers(0, 59))
def test_upto_keeps_only_the_past(values, days):
    series = make_series(values)
    origin = series.start + min(days, len(series) - 1) * ONE_DAY
    assert series.upto(origin).data_through == origin
    assert series.upto(origin).values.tolist() == values[: min(days, len(series) - 1) + 1]


def test_days_outside_series():
    series = make_series([1, 2])
    assert "2024-02-26" not in series
    assert "2024-02-29" not in series
    assert series.index("2024-02-26") == -1
    with pytest.raises(KeyError, match="2024-02-29 is outside 2024-02-27..2024-02-28"):
        series.on("2024-02-29")


@pytest.mark.parametrize("last", ["9999-12-31", "9000-01-01", "12000-01-01", "0999-12-31"])
def test_years_outside_supported_range_are_rejected(last):
    with pytest.raises(SeriesError, match="days of the years 1000 to 8999"):
        DailySeries("people", np.datetime64(last) - ONE_DAY, np.zeros(2, int))
