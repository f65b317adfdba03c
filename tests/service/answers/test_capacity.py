"""Places needed, for people who stay a number of days."""

import datetime as dt

import numpy as np
import pytest

from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries
from service.answers.ahead import Ahead
from service.answers.capacity import capacity
from service.answers.errors import BadQuestion

FIGURES = DailySeries("people", "2025-12-02", np.full(30, 100))
PATHS = Paths(np.datetime64("2026-01-01"), np.full((50, 14), 100))


@pytest.mark.parametrize(
    ("stay_days", "our_share", "present"),
    [(1, 100, 100), (4, 100, 400), (31, 100, 3100), (4, 0.3, 2)],  # not 4 times 0.3% of 100
)
def test_arrivals_of_earlier_days_are_counted_during_their_stay(stay_days, our_share, present):
    answer = capacity(FIGURES, Ahead.of(PATHS), stay_days, 0.9, 14, (80,), our_share)
    assert {row["median"] for row in answer["rows"]} == {present}
    assert answer["places_peak"] == present


def test_days_before_the_first_are_left_out():
    values = PATHS.values.copy()
    values[:, 0] = 1000
    first = dt.date(2026, 1, 3)
    answer = capacity(FIGURES, Ahead(Paths(PATHS.start, values), first, first), 1, 0.9, 7, (80,))
    assert (answer["rows"][0]["date"], answer["rows"][0]["horizon_days"]) == ("2026-01-03", 3)
    assert answer["places_peak"] == 100


def test_stay_longer_than_the_figures_is_rejected():
    for figures, most in ((FIGURES, 31), (FIGURES.upto(FIGURES.data_through - ONE_DAY), 30)):
        with pytest.raises(BadQuestion, match=rf"stay_days.*at most {most}, .*{most + 1}"):
            capacity(figures, Ahead.of(PATHS), most + 1, 0.9, 14, (80,))
