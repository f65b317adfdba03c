"""Calendar features, compared with the standard library."""

import datetime as dt

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecast.calendar import MEAN_YEAR, day_of_year, harmonics, weekday
from forecast.series import ONE_DAY

DAYS = st.dates(dt.date(1950, 1, 1), dt.date(2100, 12, 31))


def array(*days):
    return np.array(days, dtype="datetime64[D]")


@given(st.lists(DAYS, min_size=1, max_size=20))
def test_weekday_and_day_of_year_match_standard_library(days):
    assert weekday(array(*days)).tolist() == [day.weekday() for day in days]
    assert day_of_year(array(*days)).tolist() == [day.timetuple().tm_yday - 1 for day in days]


def test_harmonics_match_plain_loop():
    days = np.datetime64("2023-12-25") + np.arange(900) * ONE_DAY
    terms = harmonics(days, 3)
    for i, day in enumerate(day_of_year(days)):
        expected = []
        for k in (1, 2, 3):
            angle = 2 * np.pi * k * day / MEAN_YEAR
            expected += [np.sin(angle), np.cos(angle)]
        np.testing.assert_allclose(terms[i], expected, atol=1e-12)
    assert harmonics(days, 0).shape == (900, 0)
