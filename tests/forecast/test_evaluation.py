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
