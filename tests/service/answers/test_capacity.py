"""Who is present is counted from who came, and not told where that is not known."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries
from service.answers.ahead import Ahead
from service.answers.capacity import capacity
from service.answers.errors import BadQuestion

KNOWN = DailySeries("people", "2025-12-02", np.full(30, 100))
PATHS = Paths(np.datetime64("2026-01-01"), np.full((50, 14), 100))


@pytest.mark.parametrize("stay_days", [1, 4, 31])
def test_who_came_less_than_a_stay_ago_is_still_there(stay_days: int) -> None:
    found = capacity(KNOWN, Ahead.of(PATHS), stay_days, 0.9, 14, (80,))
    assert {row["median"] for row in found["rows"]} == {100 * stay_days}
    assert found["places_peak"] == 100 * stay_days


def test_days_before_the_first_are_no_part_of_the_answer() -> None:
    values = PATHS.values.copy()
    values[:, 0] = 1000
    first = dt.date(2026, 1, 3)
    found = capacity(KNOWN, Ahead(Paths(PATHS.start, values), first, first), 1, 0.9, 7, (80,))
    assert (found["rows"][0]["date"], found["rows"][0]["horizon_days"]) == ("2026-01-03", 3)
    assert found["places_peak"] == 100


def test_a_stay_that_began_before_the_figures_is_refused() -> None:
    for known, most in ((KNOWN, 31), (KNOWN.upto(KNOWN.data_through - ONE_DAY), 30)):
        with pytest.raises(BadQuestion, match=rf"stay_days.*1 to {most}.*{most + 1}"):
            capacity(known, Ahead.of(PATHS), most + 1, 0.9, 14, (80,))
