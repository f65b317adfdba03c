import math

import numpy as np
import pytest
from scipy import stats

from forecast.calibration_tests import coverage_p, pit_moments

DAYS = 182
_RHO, _QUIET, _CENTRE = 0.7, 0.25, 4.0


def simulate_pits(every, n, seed):
    """PIT of `n` forecasters that know the process, an autocorrelated series with many zeros.

    A latent autoregression gives no arrivals below a bound and counts above it. Each issue, every
    `every` days, forecasts the days to the next from the latent state.

    Returns
    -------
    ndarray, shape (n, n_issues, every)
    """
    rng = np.random.default_rng(seed)
    state = rng.standard_normal(n)
    pits = np.empty((n, DAYS // every, every))
    for issue in range(DAYS // every):
        start = state
        for ahead in range(1, every + 1):
            state = _RHO * state + math.sqrt(1 - _RHO**2) * rng.standard_normal(n)
            count = np.where(state > _QUIET, np.floor(np.exp(_CENTRE + state)), 0.0)
            mean, sd = _RHO**ahead * start, math.sqrt(1 - _RHO ** (2 * ahead))
            below, upto = (_cdf(bound, mean, sd) for bound in (count - 1, count))
            pits[:, issue, ahead - 1] = below + rng.random(n) * (upto - below)
    return pits


def _cdf(count, mean, sd):
    """P(arrivals <= count) when the latent state is normal."""
    bound = np.maximum(_QUIET, np.log(np.maximum(count, 0) + 1) - _CENTRE)
    return np.where(count < 0, 0.0, stats.norm.cdf(bound, mean, sd))


@pytest.mark.parametrize("every", [1, 7])
def test_calibrated_records_are_rejected_at_nominal_rate(every):
    """Despite zeros, autocorrelation and forecasts of several days."""
    n, p = 2000, 0.01
    records = [pit_moments(pits) for pits in simulate_pits(every, n, 7)]
    most = stats.binom.ppf(0.9999, n, p)
    assert sum(record.p_mean < p for record in records) <= most
    assert sum(record.p_spread < p for record in records) <= most


def test_moments_match_plain_formulas():
    issues = [[0.1, 0.9], [0.4], [0.2, 0.3, 0.6]]
    moments = pit_moments(issues)
    flat = [u for pit in issues for u in pit]
    sums = [sum(u - 0.5 for u in pit) for pit in issues]
    assert (moments.n_days, moments.n_issues) == (6, 3)
    assert moments.mean == pytest.approx(sum(flat) / 6)
    assert moments.spread == pytest.approx(sum((u - 0.5) ** 2 for u in flat) / 6 * 12)
    assert moments.p_mean == pytest.approx(stats.ttest_1samp(sums, 0).pvalue)
    squares = [sum((u - 0.5) ** 2 - 1 / 12 for u in pit) for pit in issues]
    assert moments.p_spread == pytest.approx(stats.ttest_1samp(squares, 0).pvalue)


def test_constant_records():
    assert pit_moments([[0.0]] * 20).p_mean == 0.0
    assert pit_moments([[0.5]] * 20).p_mean == 1.0
    assert pit_moments([[0.5]] * 20).p_spread < 1e-100
    with pytest.raises(ValueError, match="at least two issues, found 1"):
        pit_moments([[0.5]])


def test_coverage_p_sums_outcomes_no_likelier_than_observed():
    n, level = 26, 80
    chances = [math.comb(n, k) * 0.8**k * 0.2 ** (n - k) for k in range(n + 1)]
    for hits in range(n + 1):
        expected = sum(p for p in chances if p <= chances[hits] * (1 + 1e-9))
        assert coverage_p(hits, n, level) == pytest.approx(expected)
    assert coverage_p(13, n, level) < 0.001 < coverage_p(15, n, level)
