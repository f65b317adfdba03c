import numpy as np
import pytest

from forecast.evaluation import evaluate
from forecast.paths import Paths


@pytest.mark.parametrize("n_observed", [1, 6, 7, 13, 14, 27])
def test_scores_do_not_depend_on_number_of_observed_days(n_observed):
    rng = np.random.default_rng(7)
    values = np.where(rng.random((200, 28)) < 0.4, rng.geometric(0.01, (200, 28)), 0)
    paths, truth = Paths(np.datetime64("2026-01-01"), values), values[0]
    whole = evaluate(paths, truth, np.random.default_rng(5))
    part = evaluate(paths, truth[:n_observed], np.random.default_rng(5))
    for name in ("crps", "wis", "pit", "error"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:n_observed])
    assert part.totals == {name: whole.totals[name] for name in part.totals}


def test_scores_of_totals():
    """Intervals include their bounds."""
    values = np.tile(np.arange(201)[:, None], (1, 7))  # totals of seven days: 0, 7, 14, … 1,400
    paths = Paths(np.datetime64("2026-01-01"), values)
    bounds = {50: (350, 1050), 80: (140, 1260), 95: (35, 1365), 99: (7, 1393)}
    for observed in (0, 7, 14, 35, 42, 139, 140, 350, 700, 1050, 1260, 1261, 1365, 1393, 1394):
        truth = np.array([observed, 0, 0, 0, 0, 0, 0])
        total = evaluate(paths, truth, np.random.default_rng(5)).totals["total_7"]
        assert (total["truth"], total["median"]) == (observed, 700)
        assert total["error"] == 700.0 - observed
        for level, (lo, hi) in bounds.items():
            assert (total[f"lo_{level}"], total[f"hi_{level}"]) == (lo, hi)
            assert total[f"within_{level}"] == float(lo <= observed <= hi)
