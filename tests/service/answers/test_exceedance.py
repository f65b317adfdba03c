from __future__ import annotations

import datetime as dt
import math
from fractions import Fraction

import numpy as np
import pytest

from forecast.paths import Paths
from service.answers.ahead import Ahead
from service.answers.errors import BadQuestion
from service.answers.exceedance import chance, exceedance
from tests.service.answers.test_headline import make_view
from tests.service.support import random_paths

PATHS = random_paths("2026-02-20", 14, n_paths=80)


@pytest.mark.parametrize(("threshold", "window", "horizon"), [(0, 1, 14), (60, 1, 9), (150, 4, 9)])
def test_chances_equal_counts_in_loops(threshold, window, horizon):
    answer = exceedance(Ahead.of(PATHS), threshold, window, horizon)
    head = {key: answer[key] for key in ("threshold", "window", "horizon")}
    assert head == {"threshold": threshold, "window": window, "horizon": horizon}
    rows, above_any = [], set()
    for first in range(horizon - window + 1):
        above = [
            path
            for path in range(80)
            if sum(PATHS.values[path, first : first + window].tolist()) > threshold
        ]
        above_any |= set(above)
        day = dt.date(2026, 2, 20) + dt.timedelta(days=first)
        last = day + dt.timedelta(days=window - 1)
        p_above = round(len(above) / 80, 4)
        row = {"time": f"{day}T00:00:00Z", "date": str(day), "to": str(last), "note": None}
        rows.append(row | {"horizon_days": first + 1, "p_above": p_above})
    assert answer["rows"] == rows
    assert answer["p_any"] == round(len(above_any) / 80, 4)
    later = dt.date(2026, 2, 22)
    (row, *_) = exceedance(Ahead(PATHS, later, later), threshold, window, 9)["rows"]
    assert (row["date"], row["horizon_days"]) == ("2026-02-22", 3)


def test_run_of_days_longer_than_the_horizon_is_rejected():
    with pytest.raises(BadQuestion, match="^window: expected at most the horizon, 7, found 8"):
        exceedance(Ahead.of(PATHS), 5, 8, 7)


@pytest.mark.parametrize("our_share", [0.5, 12.5, 33.33])
def test_share_is_taken_of_the_sum_of_days(our_share):
    answer = exceedance(Ahead.of(PATHS), 2, 4, 14, our_share)
    whole, sums = Fraction(str(our_share)) / 100, PATHS.values[:, :4].sum(axis=1).tolist()
    above = sum(math.ceil(one * whole) > 2 for one in sums)
    assert answer["rows"][0]["p_above"] == round(above / 80, 4)


def test_smallest_count_whose_share_is_above_threshold():
    """A third of 7, rounded up, is above 2; a third of 6 is not."""
    for count, p_any in ((6, 0), (7, 1)):
        paths = Paths(np.datetime64("2026-01-01"), np.full((10, 1), count))
        assert exceedance(Ahead.of(paths), 2, 1, 1, 33.33)["p_any"] == p_any


def test_chance_is_share_of_paths_above_threshold():
    answer = chance(make_view(PATHS.values), 250, 3, 10)
    assert answer == {
        "time": "2026-01-02T12:00:00Z",
        "value": exceedance(Ahead.of(PATHS), 250, 3, 10)["p_any"],
        "threshold": 250,
        "window": 3,
        "horizon": 10,
    }
    assert 0 < answer["value"] < 1
