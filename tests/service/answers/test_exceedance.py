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


@pytest.mark.parametrize(
    ("threshold", "window", "horizon", "our_share"),
    [(0, 1, 14, 100), (60, 1, 9, 100), (150, 4, 9, 100), (2, 4, 14, 0.5), (20, 2, 14, 33.33)],
)
def test_chances_equal_counts_in_loops(threshold, window, horizon, our_share):
    answer = exceedance(Ahead.of(PATHS), threshold, window, horizon, our_share)
    rows, above_any, whole = [], set(), Fraction(str(our_share)) / 100
    for first in range(horizon - window + 1):
        sums = [sum(path[first : first + window]) for path in PATHS.values.tolist()]
        above = {at for at, total in enumerate(sums) if math.ceil(total * whole) > threshold}
        above_any |= above
        day = dt.date(2026, 2, 20) + dt.timedelta(days=first)
        last = day + dt.timedelta(days=window - 1)
        row = {"time": f"{day}T00:00:00Z", "date": str(day), "to": str(last), "note": None}
        rows.append(row | {"horizon_days": first + 1, "p_above": round(len(above) / 80, 4)})
    assert answer == {
        "threshold": threshold,
        "window": window,
        "horizon": horizon,
        "p_any": round(len(above_any) / 80, 4),
        "rows": rows,
    }


def test_rows_begin_on_the_first_day_and_window_ends_within_the_horizon():
    first, today = dt.date(2026, 2, 22), dt.date(2026, 2, 23)
    row, later = exceedance(Ahead(PATHS, first, today), 5, 8, 9)["rows"]
    assert (row["date"], row["horizon_days"]) == ("2026-02-22", 3)
    assert (row["note"], later["note"]) == ("not yet published", None)
    with pytest.raises(BadQuestion, match="^window: expected at most the horizon, 7, found 8"):
        exceedance(Ahead.of(PATHS), 5, 8, 7)


def test_smallest_count_whose_share_is_above_threshold():
    """A third of 7, rounded up, is above 2; a third of 6 is not."""
    for count, p_any in ((6, 0), (7, 1)):
        paths = Paths(np.datetime64("2026-01-01"), np.full((10, 1), count))
        assert exceedance(Ahead.of(paths), 2, 1, 1, 33.33)["p_any"] == p_any


def test_chance_is_share_of_paths_above_threshold():
    value = exceedance(Ahead.of(PATHS), 250, 3, 10)["p_any"]
    parameters = {"threshold": 250, "window": 3, "horizon": 10}
    answer = chance(make_view(PATHS.values), **parameters)
    assert answer == {"time": "2026-01-02T12:00:00Z", "value": value} | parameters
    assert 0 < value < 1
