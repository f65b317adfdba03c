"""What is judged of a day does not change as more days become known."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.evaluation import judge
from forecast.paths import Paths


@pytest.mark.parametrize("known", [1, 6, 7, 13, 14, 27])
def test_the_score_of_a_day_is_the_same_however_many_are_known(known: int) -> None:
    rng = np.random.default_rng(7)
    drawn = np.where(rng.random((200, 28)) < 0.4, rng.geometric(0.01, (200, 28)), 0)
    paths, truth = Paths(np.datetime64("2026-01-01"), drawn), drawn[0]
    whole = judge(paths, truth, np.random.default_rng(5))
    part = judge(paths, truth[:known], np.random.default_rng(5))
    for name in ("crps", "wis", "pit", "error"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:known])
    assert part.totals == {name: whole.totals[name] for name in part.totals}


def test_totals_by_a_slow_count() -> None:
    """The bounds of an interval belong to it."""
    drawn = np.tile(np.arange(201)[:, None], (1, 7))  # totals of seven days: 0, 7, 14, … 1,400
    paths = Paths(np.datetime64("2026-01-01"), drawn)
    bounds = {50: (350, 1050), 80: (140, 1260), 95: (35, 1365), 99: (7, 1393)}
    for came in (0, 7, 14, 35, 42, 139, 140, 350, 700, 1050, 1260, 1261, 1365, 1393, 1394):
        truth = np.array([came, 0, 0, 0, 0, 0, 0])
        total = judge(paths, truth, np.random.default_rng(5)).totals["total_7"]
        assert (total["truth"], total["median"], total["error"]) == (came, 700, 700.0 - came)
        for level, (lo, hi) in bounds.items():
            assert (total[f"lo_{level}"], total[f"hi_{level}"]) == (lo, hi)
            assert total[f"within_{level}"] == float(lo <= came <= hi)
