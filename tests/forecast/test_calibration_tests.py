from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from forecast.calibration_tests import coverage_p, pit_moments

Array = npt.NDArray[np.float64]
DAYS = 182
_RHO, _QUIET, _CENTRE = 0.7, 0.25, 4.0


def records(every: int, n: int, seed: int, width: float = 1.0, shift: float = 0.0) -> Array:
    """PIT of `n` forecasters who know how a clumped series with many zeros comes about.

    The series: a latent weather that today shares with yesterday; nobody arrives below a bound,
    and counts above it. Forecast `every` so many days, for the days until the next forecast,
    from the latent state at the time: that is the ideal forecast, save for `width` and `shift`.

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
            came = np.where(state > _QUIET, np.floor(np.exp(_CENTRE + state)), 0.0)
            mean, sd = _RHO**ahead * start + shift, width * math.sqrt(1 - _RHO ** (2 * ahead))
            below, upto = (_up_to(count, mean, sd) for count in (came - 1, came))
            pits[:, issue, ahead - 1] = below + rng.random(n) * (upto - below)
    return pits


def _up_to(count: Array, mean: Array, sd: float) -> Array:
    """P(arrivals <= count) when the latent state is normal."""
    bound = np.maximum(_QUIET, np.log(np.maximum(count, 0) + 1) - _CENTRE)
    return np.where(count < 0, 0.0, stats.norm.cdf(bound, mean, sd))


def share(every: int, p: float, n: int, **wrong: float) -> tuple[float, float]:
    """Share of `n` records whose mean, and whose spread, has a smaller p-value."""
    found = [pit_moments(one) for one in records(every, n, 7, **wrong)]  # type: ignore[arg-type]
    return (
        sum(one.p_mean < p for one in found) / n,
        sum(one.p_spread < p for one in found) / n,
    )


@pytest.mark.parametrize("every", [1, 7])
def test_a_calibrated_record_is_as_rarely_suspect_as_the_p_value_says(every: int) -> None:
    """Zeros, days that hang together and forecasts of several days at once do not raise it."""
    n, p = 2000, 0.01
    most = stats.binom.ppf(0.9999, n, p) / n
    assert max(share(every, p, n)) <= most


@pytest.mark.parametrize("every", [1, 7])
def test_a_test_that_took_days_for_independent_would_be_fooled(every: int) -> None:
    """What the grouping by issue is for: days of one issue are wrong together."""
    days = records(every, 1000, 7).reshape(1000, -1)
    rejected = stats.ttest_1samp(days, 0.5, axis=1).pvalue < 0.01
    assert (rejected.mean() > 0.03) == (every == 7)


@pytest.mark.parametrize(("every", "n", "least"), [(1, 100, 0.9), (7, 1000, 0.5)])
def test_a_miscalibrated_record_is_found_and_named_rightly(
    every: int, n: int, least: float
) -> None:
    """From half a year of days; forecasts of a week at once tell less, since days hang together."""
    assert share(every, 0.001, n, width=0.4)[1] > least, "bands too narrow"
    assert share(every, 0.001, n, width=3.0)[1] > least, "bands too wide"
    assert share(every, 0.001, n, shift=0.8)[0] > least, "too many forecast"
    narrow = pit_moments(records(every, 1, 1, width=0.4)[0])
    wide = pit_moments(records(every, 1, 1, width=3.0)[0])
    many = pit_moments(records(every, 1, 1, shift=0.8)[0])
    assert wide.spread < 0.9 < 1.1 < narrow.spread
    assert many.mean < 0.45


def test_the_numbers_by_hand() -> None:
    issues = [[0.1, 0.9], [0.4], [0.2, 0.3, 0.6]]
    found = pit_moments(issues)
    flat = [u for pit in issues for u in pit]
    sums = [sum(u - 0.5 for u in pit) for pit in issues]
    assert (found.n_days, found.n_issues) == (6, 3)
    assert found.mean == pytest.approx(sum(flat) / 6)
    assert found.spread == pytest.approx(sum((u - 0.5) ** 2 for u in flat) / 6 * 12)
    assert found.p_mean == pytest.approx(stats.ttest_1samp(sums, 0).pvalue)


def test_a_record_that_is_at_one_end_every_day() -> None:
    assert pit_moments([[0.0]] * 20).p_mean == 0.0
    assert pit_moments([[0.5]] * 20).p_mean == 1.0
    assert pit_moments([[0.5]] * 20).p_spread < 1e-100
    with pytest.raises(ValueError, match="at least two issues, found 1"):
        pit_moments([[0.5]])


def test_coverage_against_a_slow_sum() -> None:
    """Every outcome that is no likelier than what was seen, added up."""
    n, level = 26, 80
    chances = [math.comb(n, k) * 0.8**k * 0.2 ** (n - k) for k in range(n + 1)]
    for hits in range(n + 1):
        slow = sum(p for p in chances if p <= chances[hits] * (1 + 1e-9))
        assert coverage_p(hits, n, level) == pytest.approx(slow)
    assert coverage_p(13, n, level) < 0.001 < coverage_p(15, n, level)
