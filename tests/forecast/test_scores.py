"""Scores, compared with their definitions and with published values."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from forecast.scores import CRPS_ESTIMATOR, coverage, covered_by_pit, crps, pit, skill, wis

SAMPLES = hnp.arrays(np.int64, st.integers(2, 25), elements=st.integers(0, 1500))


@given(hnp.arrays(int, st.tuples(st.integers(3, 25), st.just(2)), elements=st.integers(0, 1500)))
def test_crps_of_each_day_matches_definition(rows):
    """The fair estimator: E|X - y| - E|X - X'| / 2 over pairs without repetition."""
    assert CRPS_ESTIMATOR == "pwm"
    observed, samples = rows[0], rows[1:]
    for score, truth, sample in zip(crps(samples, observed), observed, samples.T, strict=True):
        apart = np.abs(sample - truth).mean()
        pairs = [abs(x - z) for x, z in itertools.permutations(sample.tolist(), 2)]
        assert score == pytest.approx(apart - np.mean(pairs) / 2, abs=1e-8)


def reference_interval_score(lo, hi, y, alpha):
    """Bracher et al. (2021), eq. 1."""
    score = hi - lo
    if y < lo:
        score += 2 / alpha * (lo - y)
    if y > hi:
        score += 2 / alpha * (y - hi)
    return score


@given(SAMPLES, st.integers(0, 2000))
def test_wis_matches_definition(sample, observed):
    """Bracher et al. (2021), eq. 2, with w_0 = 1/2 and w_k = alpha_k / 2."""
    ordered = sorted(sample.tolist())

    def quantile(per_mille):
        return ordered[max(-(-per_mille * len(ordered) // 1000), 1) - 1]

    total = abs(observed - quantile(500)) / 2
    for level in (50, 80, 95):
        lo, hi = quantile(500 - 5 * level), quantile(500 + 5 * level)
        alpha = 1 - level / 100
        total += alpha / 2 * reference_interval_score(lo, hi, observed, alpha)
    assert wis(sample[:, None], [observed])[0] == pytest.approx(total / 3.5)


def test_wis_of_worked_example():
    """Forecast 1..100: median 50, 50% interval 25-75, 80% interval 10-90; observed 95."""
    sample = np.arange(1, 101)[:, None]
    expected = (0.5 * 45 + (0.25 * 50 + 20) + (0.1 * 80 + 5)) / 2.5
    assert wis(sample, [95], levels=(50, 80))[0] == pytest.approx(expected)


@given(SAMPLES, st.integers(0, 2000))
def test_coverage_includes_bounds(sample, observed):
    ordered = np.sort(sample)
    n = len(ordered)
    lo, hi = ordered[max(math.ceil(n / 10), 1) - 1], ordered[math.ceil(9 * n / 10) - 1]
    assert coverage(sample[:, None], [observed], 80)[0] == (lo <= observed <= hi)
    assert coverage(sample[:, None], [lo], 80)[0]
    assert coverage(sample[:, None], [hi], 80)[0]


def test_pit_of_calibrated_forecast_is_uniform_despite_zeros():
    rng = np.random.default_rng(6)
    days = 4000
    sample = rng.poisson(0.7, size=(500, days))
    observed = rng.poisson(0.7, size=days)
    values = pit(sample, observed, rng)
    counts, _ = np.histogram(values, bins=10, range=(0, 1))
    # Chi-square with nine degrees of freedom exceeds 27.9 with probability 0.001.
    assert ((counts - days / 10) ** 2 / (days / 10)).sum() < 27.9
    for level in (50, 80, 95):
        held = covered_by_pit(values, level).mean()
        assert held == pytest.approx(level / 100, abs=0.03)
        assert coverage(sample, observed, level).mean() > held


def test_held_by_pit_compares_pit_with_interval_tails():
    values = [0.09, 0.11, 0.5, 0.89, 0.91]
    assert covered_by_pit(values, 80).tolist() == [False, True, True, True, False]
    assert covered_by_pit(values, 50).tolist() == [False, False, True, False, False]
    assert covered_by_pit([], 80).shape == (0,)


def test_skill():
    assert skill(50.0, 100.0) == 0.5
    assert skill(100.0, 100.0) == 0.0
    assert skill(0.0, 3.0) == 1.0
    assert math.isnan(skill(0.0, 0.0))
