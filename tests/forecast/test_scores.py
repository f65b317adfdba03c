"""Scores, compared with their definitions and with published values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from forecast.scores import CRPS_ESTIMATOR, coverage, covered_by_pit, crps, pit, skill, wis

SAMPLES = hnp.arrays(np.int64, st.integers(2, 25), elements=st.integers(0, 1500))


def reference_crps(sample, observed):
    """The fair estimator: E|X - y| - E|X - X'| / 2 over pairs without repetition."""
    n = len(sample)
    apart = sum(abs(x - observed) for x in sample) / n
    spread = sum(abs(x - z) for x in sample for z in sample) / (2 * n * (n - 1))
    return apart - spread


@given(SAMPLES, st.integers(0, 2000))
def test_crps_matches_definition(sample, observed):
    assert CRPS_ESTIMATOR == "pwm"
    score = crps(sample[:, None], [observed])
    assert score.shape == (1,)
    assert score[0] == pytest.approx(reference_crps(sample.tolist(), observed), abs=1e-8)


def test_crps_matches_closed_form_of_normal_distribution():
    """At the mean of N(0, sigma) it is sigma (2 phi(0) - 1 / sqrt(pi))."""
    draws = np.random.default_rng(1).normal(0, 1000, size=(200_000, 1))
    expected = 1000 * (2 / math.sqrt(2 * math.pi) - 1 / math.sqrt(math.pi))
    assert crps(draws, [0.0])[0] == pytest.approx(expected, rel=0.02)


def test_crps_of_several_days_is_per_day():
    sample = np.random.default_rng(2).integers(0, 500, size=(40, 3, 5))
    observed = np.random.default_rng(3).integers(0, 500, size=(3, 5))
    scores = crps(sample, observed)
    for i in range(3):
        for j in range(5):
            assert scores[i, j] == pytest.approx(
                reference_crps(sample[:, i, j].tolist(), observed[i, j])
            )


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


def test_wis_with_many_levels_approximates_crps():
    sample = np.random.default_rng(5).gamma(1.0, 200.0, size=(4000, 6)).astype(int)
    observed = np.array([0, 50, 120, 300, 700, 1500])
    levels = list(range(2, 100, 2))
    np.testing.assert_allclose(wis(sample, observed, levels), crps(sample, observed), rtol=0.03)


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


@given(SAMPLES, st.integers(0, 2000))
def test_pit_lies_between_shares_below_and_at_most(sample, observed):
    value = pit(sample[:, None], [observed], np.random.default_rng(0))[0]
    below = sum(x < observed for x in sample.tolist()) / len(sample)
    upto = sum(x <= observed for x in sample.tolist()) / len(sample)
    assert below - 1e-12 <= value <= upto + 1e-12


def test_held_by_pit_compares_pit_with_interval_tails():
    values = [0.09, 0.11, 0.5, 0.89, 0.91]
    assert covered_by_pit(values, 80).tolist() == [False, True, True, True, False]
    assert covered_by_pit(values, 50).tolist() == [False, False, True, False, False]
    assert covered_by_pit([], 80).shape == (0,)


@pytest.mark.parametrize("level", [50, 80, 95])
def test_held_by_pit_agrees_with_coverage_of_large_samples(level):
    sample = np.random.default_rng(7).permutation(10_000)[:, None]
    observed = np.arange(0, 10_000, 97)
    same = sample.repeat(len(observed), axis=1)
    held = covered_by_pit(pit(same, observed, np.random.default_rng(8)), level)
    np.testing.assert_array_equal(held, coverage(same, observed, level))


def test_skill():
    assert skill(50.0, 100.0) == 0.5
    assert skill(100.0, 100.0) == 0.0
    assert skill(0.0, 3.0) == 1.0
    assert math.isnan(skill(0.0, 0.0))
