"""Whether forecast errors exceed chance."""

from __future__ import annotations

__all__ = ["Moments", "coverage_p", "pit_moments"]

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Moments:
    """First two moments of a record's PIT, with p-values.

    Attributes
    ----------
    n_days, n_issues : int
        Number of scored days, and of the issues that forecast them.
    mean : float
        0.5 if calibrated; lower if fewer arrived than forecast.
    spread : float
        Variance about 0.5 relative to the uniform's 1/12; 1 if calibrated, more if the bands are
        too narrow.
    p_mean, p_spread : float
        Two-sided p-values.
    """

    n_days: int
    n_issues: int
    mean: float
    spread: float
    p_mean: float
    p_spread: float


def pit_moments(issues: Sequence[npt.ArrayLike]) -> Moments:
    """Test the PIT of consecutive days for uniformity, grouping the days of each issue.

    Each day must be scored with one issue, made before any of its days, and issues must be in
    order. Days of one issue are dependent, since its paths are joint. But if the forecasts are
    calibrated, then given all that was known when an issue was made, the sum over its days of
    ``u - 1/2``, and of ``(u - 1/2)^2 - 1/12``, has mean zero: the sums are martingale differences,
    and their t-test holds for any dependence within an issue, with no lag to choose. The randomised
    PIT of a calibrated forecast is uniform even if many days have no arrivals.

    Parameters
    ----------
    issues : sequence of array_like, shape (n_days_k,)
        Randomised PIT of the days of each issue; at least two issues.

    References
    ----------
    Diebold, Gunther and Tay (1998), International Economic Review 39; moments of the PIT:
    Knüppel (2015), Journal of Business and Economic Statistics 33; sums within dependent groups:
    Ibragimov and Müller (2010), same journal 28.
    """
    if len(issues) < 2:
        raise ValueError(f"expected at least two issues, found {len(issues)}")
    off = [np.asarray(pit, dtype=np.float64) - 0.5 for pit in issues]
    n_days = sum(len(values) for values in off)
    first = np.array([values.sum() for values in off])
    second = np.array([(values**2 - 1 / 12).sum() for values in off])
    return Moments(
        n_days=n_days,
        n_issues=len(off),
        mean=float(0.5 + first.sum() / n_days),
        spread=float(1 + 12 * second.sum() / n_days),
        p_mean=_t_test(first),
        p_spread=_t_test(second),
    )


def coverage_p(hits: int, n: int, level: float) -> float:
    """Two-sided exact binomial p-value of `hits` of `n` within intervals at `level` per cent.

    Exact if windows do not overlap and hits use the randomised PIT: given what was known before,
    each window is then a hit with the stated probability, with or without zeros.

    References
    ----------
    Christoffersen (1998), International Economic Review 39.
    """
    from scipy import special  # slow to load; not needed for short records

    # Same as scipy.stats.binomtest, which takes half a second to import, for every `status`.
    k, p = np.arange(n + 1), level / 100
    log_chance = special.xlogy(k, p) + special.xlog1py(n - k, -p) - special.betaln(n - k + 1, k + 1)
    chance = np.exp(log_chance - np.log(n + 1))
    return min(1.0, float(chance[chance <= chance[hits] * (1 + 1e-7)].sum()))


def _t_test(sums: Array) -> float:
    """Two-sided p-value of a mean of zero."""
    from scipy import special

    error = sums.std(ddof=1) / np.sqrt(len(sums))
    if error == 0:  # all equal: all days at one end, or exactly as expected
        return 0.0 if sums[0] else 1.0
    return float(2 * special.stdtr(len(sums) - 1, -abs(sums.mean()) / error))
