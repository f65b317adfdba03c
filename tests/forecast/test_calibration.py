"""Spread estimated from past errors: scores, stretch and rescaled paths."""

import math
import statistics

import numpy as np
import pytest

from forecast.calibration import estimate_stretch, normal_score, rescale_spread


def test_score_is_normal_quantile_of_rank():
    totals = np.array([0, 0, 10, 20, 20, 20, 30, 40])
    for truth in (0, 5, 10, 20, 35):
        below = sum(t < truth for t in totals) + 0.5 * sum(t == truth for t in totals)
        expected = statistics.NormalDist().inv_cdf(below / 8)
        assert normal_score(totals, truth) == pytest.approx(expected)


def test_score_outside_all_paths_is_finite():
    bound = statistics.NormalDist().inv_cdf(1 - 0.5 / 4)
    assert normal_score(np.array([1, 2, 3, 4]), 99) == pytest.approx(bound)
    assert normal_score(np.array([1, 2, 3, 4]), 0) == pytest.approx(-bound)


@pytest.mark.parametrize("scores", [[2.0, -2.0] * 5, [0.1, -0.3] * 5, [1.0] * 6])
def test_stretch_is_half_the_log_of_shrunken_variance(scores):
    n = len(scores) * 0.5
    squares = [score * score for score in scores]
    variance = (13.0 * 1.0 + n * sum(squares) / len(squares)) / (13.0 + n)
    expected = math.log(math.sqrt(variance))
    assert estimate_stretch(np.array(scores), 0.5, 13.0) == pytest.approx(expected)
    rows = np.repeat(np.array(scores)[:, None], 2, axis=1)  # two totals per origin
    assert estimate_stretch(rows, 0.25, 13.0) == pytest.approx(expected)


def test_stretch_is_bounded_and_needs_six_origins():
    assert estimate_stretch(np.full(50, 9.0), 1.0, 0.0) == 0.4
    assert estimate_stretch(np.full(50, 0.01), 1.0, 0.0) == -0.4
    assert estimate_stretch(np.full((5, 2), 9.0), 1.0, 0.0) == 0.0
    assert estimate_stretch(np.full(6, 9.0), 1.0, 0.0) == 0.4


@pytest.mark.parametrize("stretch", [0.3, -0.2, 0.0])
@pytest.mark.parametrize("with_guide", [False, True])
def test_paths_are_rescaled_by_window(stretch, with_guide):
    rng = np.random.default_rng(1)
    paths = np.where(rng.random((9, 7)) < 0.4, 0, rng.integers(1, 900, (9, 7))).astype(np.int32)
    guide = rng.integers(0, 900, (9, 7)).astype(np.int32) if with_guide else paths
    rescaled = rescale_spread(paths, stretch, 3, guide if with_guide else None)
    for first, last in ((0, 3), (3, 6), (6, 7)):
        totals = [sum(row[first:last].tolist()) for row in guide]
        median = statistics.median(totals)
        for path in range(9):
            factor = ((totals[path] + 50) / (median + 50)) ** stretch
            for day in range(first, last):
                count = int(paths[path, day])
                expected = max(round(count * factor), 1) if count else 0
                assert rescaled[path, day] == expected
