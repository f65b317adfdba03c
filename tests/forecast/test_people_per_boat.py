"""PeoplePerBoat: boats drawn for the people of each path."""

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


def make_pair(people, boats):
    return DailySeries("people", START, people), DailySeries("boats", START, boats)


def make_growing_series(yearly, days=1461):
    """Busy every third day; people per boat start at 20 and grow by `yearly` a year."""
    day = np.arange(days)
    boats = np.where(day % 3 == 0, 10, 0)
    per_boat = 20 * np.exp(yearly * day / 365.2425)
    return make_pair(np.rint(boats * per_boat).astype(int), boats)


def test_boats_match_plain_loop():
    """Without neighbours and growth, the ratio is that of the next larger past day."""
    people = Paths(START, np.array([[0, 1, 10, 11, 100, 390, 1000]]))
    boats = PLAIN.boats(people, np.random.default_rng(0))
    expected = []
    for n in people.values[0].tolist():
        ratio = next((r for p, r in zip(PLAIN.people, PLAIN.ratio, strict=True) if p >= n), 50.0)
        expected.append(0 if n == 0 else min(max(round(n / ratio), 1), n))
    assert boats.values[0].tolist() == expected


@given(
    hnp.arrays(np.int32, (20, 7), elements=st.integers(0, 5) | st.integers(0, 3000)),
    st.floats(-0.2, 0.2),
)
def test_boats_are_zero_only_on_days_without_people(values, growth):
    people = Paths(START, values)
    per_boat = PeoplePerBoat(PLAIN.people, PLAIN.ratio, 2, growth, 0.1)
    boats = per_boat.boats(people, np.random.default_rng(1))
    np.testing.assert_array_equal(boats.values == 0, values == 0)
    assert (boats.values <= values).all()
    assert boats.start == people.start


def test_embedded_data_gives_plausible_boats(figures):
    fitted = PeoplePerBoat.fit(figures["people"], figures["boats"])
    people = Paths(START, np.random.default_rng(2).integers(1, 900, size=(200, 28)))
    boats = fitted.boats(people, np.random.default_rng(3))
    assert 45 < people.values.sum() / boats.values.sum() < 75
    assert np.corrcoef(people.values.ravel(), boats.values.ravel())[0, 1] > 0.8


def test_growth_is_half_of_observed_growth():
    fitted = PeoplePerBoat.fit(*make_growing_series(0.2))
    assert fitted.growth == pytest.approx(0.1, abs=0.01)
    # Ratios are scaled to the last day's, 20 * e^0.8.
    assert np.median(fitted.ratio) == pytest.approx(20 * np.exp(0.8), rel=0.05)


def test_quiet_year_does_not_double_growth():
    people, boats = make_growing_series(0.2)
    years_ago = ((len(people) - 1 - np.arange(len(people))) / 365.2425).astype(int)
    quiet = years_ago == 1
    gap = make_pair(np.where(quiet, 0, people.values), np.where(quiet, 0, boats.values))
    assert PeoplePerBoat.fit(*gap).growth == pytest.approx(0.1, abs=0.02)


def test_short_series_has_no_growth():
    fitted = PeoplePerBoat.fit(*make_growing_series(0.2, days=200))
    assert (fitted.growth, fitted.growth_spread) == (0.0, 0.1)


def test_mismatched_or_unrelated_series_are_rejected():
    people, boats = make_growing_series(0.0, days=60)
    with pytest.raises(FitError, match="same days"):
        PeoplePerBoat.fit(people, boats.upto(boats.data_through - ONE_DAY))
    with pytest.raises(FitError, match="same days"):
        PeoplePerBoat.fit(people.upto(people.data_through - ONE_DAY), boats)
    with pytest.raises(FitError, match="a day with arrivals of both"):
        PeoplePerBoat.fit(*make_pair(np.array([5, 0, 5, 5, 5]), np.array([0, 1, 0, 0, 0])))
    fitted = PeoplePerBoat.fit(*make_pair(np.array([0, 6, 5]), np.array([1, 2, 0])))
    assert fitted.ratio.tolist() == [3]


def test_neighbours_are_drawn_evenly_within_past_days():
    per_boat = PeoplePerBoat(np.arange(10.0, 60, 10), np.array([2.0, 4, 5, 8, 10]), 1, 0.0, 0.0)
    n = 6000
    people = Paths(START, np.tile([10, 30, 50], (n, 1)))
    boats = per_boat.boats(people, np.random.default_rng(5)).values
    for column, expected in ((0, {5: 2, 2: 1}), (1, {8: 1, 6: 1, 4: 1}), (2, {6: 1, 5: 2})):
        values, counts = np.unique(boats[:, column], return_counts=True)
        assert set(values.tolist()) == set(expected)
        for value, count in zip(values.tolist(), counts, strict=True):
            assert count / n == pytest.approx(expected[value] / 3, abs=0.03)


def test_years_of_growth_are_counted_back_from_last_day():
    """They begin 366 and 731 days before it; each has five busy days, the minimum."""
    ago = np.array([0, 10, 20, 30, 365, 366, 410, 420, 430, 730, 731, 810, 820, 830, 840])
    boats, people = np.zeros(900, int), np.zeros(900, int)
    boats[899 - ago] = 10
    people[899 - ago] = 10 * np.repeat([40, 30, 20], 5)
    growth = PeoplePerBoat.fit(*make_pair(people, boats)).growth
    assert growth == pytest.approx(np.mean([np.log(40 / 30), np.log(30 / 20)]) / 2)
