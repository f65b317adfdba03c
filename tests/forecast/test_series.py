"""A series of daily counts, and what is refused at its door."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.series import ONE_DAY, DailySeries, SeriesError, as_day

COUNTS = st.lists(st.integers(0, 2000), min_size=1, max_size=60)


def series(values: Any, start: str = "2024-02-27") -> DailySeries:
    return DailySeries("people", np.datetime64(start, "D"), np.asarray(values))


@pytest.mark.parametrize(
    "day", ["2024-02-29", dt.date(2024, 2, 29), np.datetime64("2024-02-29T23:00")]
)
def test_as_day(day: Any) -> None:
    assert as_day(day) == np.datetime64("2024-02-29", "D")
    assert as_day(day).dtype == np.dtype("datetime64[D]")


def test_days_cross_the_leap_day() -> None:
    one = series([1, 2, 3, 4])
    assert [str(day) for day in one.dates] == [
        "2024-02-27",
        "2024-02-28",
        "2024-02-29",
        "2024-03-01",
    ]
    assert str(one.data_through) == "2024-03-01"
    assert one.on("2024-02-29") == 3
    assert (len(one), one.name) == (4, "people")


@pytest.mark.parametrize(
    ("values", "index", "words"),
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
def test_what_is_no_count_is_refused(values: Any, index: int | None, words: str) -> None:
    with pytest.raises(SeriesError, match=words) as caught:
        series(values)
    assert caught.value.index == index


def test_a_series_needs_a_first_day() -> None:
    with pytest.raises(SeriesError, match="first day"):
        series([1], "NaT")


@pytest.mark.parametrize(
    ("days", "index", "words"),
    [
        (["2024-02-28", "2024-03-01"], 1, "2024-02-29, the day after 2024-02-28, found 2024-03-01"),
        (["2024-02-28", "2024-02-28"], 1, "found 2024-02-28"),
        (["2024-02-28", "2024-02-27"], 1, "found 2024-02-27"),
        (["2024-02-28", "NaT"], 1, "found NaT"),
        (["2024-02-28"], None, "1 values, one a day, found 2"),
    ],
)
def test_days_must_follow_each_other(days: list[str], index: int | None, words: str) -> None:
    with pytest.raises(SeriesError, match=words) as caught:
        DailySeries.from_days("people", days, [1, 2])
    assert caught.value.index == index


def test_no_days_at_all() -> None:
    with pytest.raises(SeriesError, match="at least one day"):
        DailySeries.from_days("people", [], [])


def test_values_are_read_only_and_no_window_on_the_callers_array() -> None:
    given_values = np.array([1, 2, 3])
    one = series(given_values)
    given_values[0] = 99
    assert one.values[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        one.values[0] = 5


@given(COUNTS, st.integers(-10, 70), st.integers(-10, 70))
def test_between_and_total_by_a_slow_loop(values: list[int], first: int, last: int) -> None:
    one = series(values)
    a, b = one.start + first * ONE_DAY, one.start + last * ONE_DAY
    kept = [v for day, v in zip(one.dates, values, strict=True) if a <= day <= b]
    assert one.total(a, b) == sum(kept)
    if kept:
        part = one.between(a, b)
        assert part.values.tolist() == kept
        assert part.start == max(a, one.start)
        assert all(one.on(day) == part.on(day) for day in part.dates)
    else:
        with pytest.raises(SeriesError):
            one.between(a, b)


@given(COUNTS, st.integers(0, 59))
def test_upto_keeps_the_past_alone(values: list[int], days: int) -> None:
    one = series(values)
    origin = one.start + min(days, len(one) - 1) * ONE_DAY
    assert one.upto(origin).data_through == origin
    assert one.upto(origin).values.tolist() == values[: min(days, len(one) - 1) + 1]


def test_outside() -> None:
    one = series([1, 2])
    assert "2024-02-26" not in one
    assert "2024-02-29" not in one
    assert one.index("2024-02-26") == -1
    with pytest.raises(KeyError, match="2024-02-29 is outside 2024-02-27..2024-02-28"):
        one.on("2024-02-29")


def test_the_embedded_figures(figures: dict[str, DailySeries]) -> None:
    people, boats = figures["people"], figures["boats"]
    assert (people.on("2024-10-18"), boats.on("2024-10-18")) == (647, 10)
    assert people.total("2024-01-01", "2024-10-18") == 28_204
    assert people.total("2021-01-01", "2021-11-12") == 23_622


@pytest.mark.parametrize("last", ["9999-12-31", "9000-01-01", "12000-01-01", "0999-12-31"])
def test_days_that_a_forecast_would_not_have_are_refused(last: str) -> None:
    with pytest.raises(SeriesError, match="days of the years 1000 to 8999"):
        DailySeries("people", np.datetime64(last) - ONE_DAY, np.zeros(2, int))
