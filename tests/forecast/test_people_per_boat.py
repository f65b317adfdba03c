"""Boats belong to the people of their path."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from forecast.forecasters.base import FitError
from forecast.paths import Paths
from forecast.people_per_boat import PeoplePerBoat
from forecast.series import ONE_DAY, DailySeries

START = np.datetime64("2024-02-27", "D")
PLAIN = PeoplePerBoat(np.array([10.0, 100.0, 400.0]), np.array([8.0, 30.0, 50.0]), 0, 0.0, 0.0)


def both(people: np.ndarray, boats: np.ndarray) -> tuple[DailySeries, DailySeries]:
    return DailySeries("people", START, people), DailySeries("boats", START, boats)


def growing(yearly: float, days: int = 1461) -> tuple[DailySeries, DailySeries]:
    """Busy every third day; occupancy grows by `yearly` in a year, from 20 in a boat."""
    day = np.arange(days)
    boats = np.where(day % 3 == 0, 10, 0)
    per_boat = 20 * np.exp(yearly * day / 365.2425)
    return both(np.rint(boats * per_boat).astype(int), boats)


def test_boats_by_a_slow_loop() -> None:
    """Without neighbours and growth: the people per boat of the next larger past day."""
    people = Paths(START, np.array([[0, 1, 10, 11, 100, 390, 1000]]))
    boats = PLAIN.boats(people, np.random.default_rng(0))
    slow = []
    for n in people.values[0].tolist():
        like = next((r for p, r in zip(PLAIN.people, PLAIN.ratio, strict=True) if p >= n), 50.0)
        slow.append(0 if n == 0 else min(max(round(n / like), 1), n))
    assert boats.values[0].tolist() == slow


@given(
    hnp.arrays(np.int32, (20, 7), elements=st.integers(0, 5) | st.integers(0, 3000)),
    st.floats(-0.2, 0.2),
)
def test_boats_are_0_exactly_where_nobody_came(values: np.ndarray, growth: float) -> None:
    occupancy = PeoplePerBoat(PLAIN.people, PLAIN.ratio, 2, growth, 0.1)
    people = Paths(START, values)
    boats = occupancy.boats(people, np.random.default_rng(1))
    np.testing.assert_array_equal(boats.values == 0, values == 0)
    assert (boats.values <= values).all()
    assert boats.start == people.start


def test_the_figures_give_plausible_boats(figures: dict[str, DailySeries]) -> None:
    occupancy = PeoplePerBoat.fit(figures["people"], figures["boats"])
    people = Paths(START, np.random.default_rng(2).integers(1, 900, size=(200, 28)))
    boats = occupancy.boats(people, np.random.default_rng(3))
    assert 45 < people.values.sum() / boats.values.sum() < 75
    more = np.corrcoef(people.values.ravel(), boats.values.ravel())[0, 1]
    assert more > 0.8


def test_growth_is_half_of_what_was_seen() -> None:
    occupancy = PeoplePerBoat.fit(*growing(0.2))
    assert occupancy.growth == pytest.approx(0.1, abs=0.01)
    # The last day's occupancy is 20 * e^0.8; the window is lifted near it.
    assert np.median(occupancy.ratio) == pytest.approx(20 * np.exp(0.8), rel=0.05)


def test_a_quiet_year_between_two_does_not_double_the_growth() -> None:
    people, boats = growing(0.2)
    years_ago = ((len(people) - 1 - np.arange(len(people))) / 365.2425).astype(int)
    quiet = years_ago == 1
    gap = both(np.where(quiet, 0, people.values), np.where(quiet, 0, boats.values))
    assert PeoplePerBoat.fit(*gap).growth == pytest.approx(0.1, abs=0.02)


def test_a_short_past_has_no_growth() -> None:
    occupancy = PeoplePerBoat.fit(*growing(0.2, days=200))
    assert (occupancy.growth, occupancy.growth_spread) == (0.0, 0.1)


def test_what_cannot_be_told_is_declined() -> None:
    people, boats = growing(0.0, days=60)
    with pytest.raises(FitError, match="same days"):
        PeoplePerBoat.fit(people, boats.upto(boats.data_through - ONE_DAY))
    with pytest.raises(FitError, match="same days"):
        PeoplePerBoat.fit(people.upto(people.data_through - ONE_DAY), boats)
    with pytest.raises(FitError, match="a day with arrivals of both"):
        PeoplePerBoat.fit(*both(np.array([5, 0, 5, 5, 5]), np.array([0, 1, 0, 0, 0])))
    assert PeoplePerBoat.fit(*both(np.array([0, 6, 5]), np.array([1, 2, 0]))).ratio.tolist() == [3]


def test_neighbours_are_drawn_evenly_on_both_sides_and_stay_within_the_past() -> None:
    per_boat = PeoplePerBoat(np.arange(10.0, 60, 10), np.array([2.0, 4, 5, 8, 10]), 1, 0.0, 0.0)
    n = 6000
    people = Paths(START, np.tile([10, 30, 50], (n, 1)))
    boats = per_boat.boats(people, np.random.default_rng(5)).values
    for column, expected in ((0, {5: 2, 2: 1}), (1, {8: 1, 6: 1, 4: 1}), (2, {6: 1, 5: 2})):
        values, counts = np.unique(boats[:, column], return_counts=True)
        assert set(values.tolist()) == set(expected)
        for value, count in zip(values.tolist(), counts, strict=True):
            assert count / n == pytest.approx(expected[value] / 3, abs=0.03)


def test_years_of_growth_are_counted_back_from_the_last_day() -> None:
    """Days 0 to 364 before the last are one year, whichever day of it was busy."""
    days = 3 * 366
    ago = np.arange(days)[::-1]
    boats = np.where(np.arange(days) % 3 == 0, 10, 0)
    year = (ago / 365.2425).astype(int)
    people = boats * np.array([40, 30, 20, 20])[year]
    [grown] = {PeoplePerBoat.fit(*both(people, boats)).growth}
    assert grown == pytest.approx(np.mean([np.log(40 / 30), np.log(30 / 20)]) / 2, abs=1e-6)


def test_the_365th_day_before_the_last_is_of_the_last_year_and_the_366th_is_not() -> None:
    """Each year has five busy days, the fewest that count."""
    ago = np.array([0, 10, 20, 30, 365, 366, 410, 420, 430, 440, *range(800, 850, 10)])
    boats, people = np.zeros(900, int), np.zeros(900, int)
    boats[899 - ago] = 10
    people[899 - ago] = 10 * np.repeat([40, 30, 20], 5)
    growth = PeoplePerBoat.fit(*both(people, boats)).growth
    assert growth == pytest.approx(np.mean([np.log(40 / 30), np.log(30 / 20)]) / 2)
