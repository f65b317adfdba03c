"""Ensemble members corrected by past forecast errors at the same lead.

Each column and lead has a bias and a spread factor. Both are shrunk towards uncorrected members, by
a prior worth 20 pairs of forecast and outcome; after 60 pairs the prior has a quarter of the
weight.
"""

from __future__ import annotations

__all__ = ["PRIOR_PAIRS", "correct_members"]

import numpy as np
import numpy.typing as npt

from forecast.covariates import Covariates

Array = npt.NDArray[np.float64]

PRIOR_PAIRS = 20.0
_FACTORS = (0.5, 4.0)
_FEWEST_ERRORS = 20


def correct_members(covariates: Covariates) -> Array:
    """Correct the futures of `covariates` by its archive, (n_members, n_ahead, k).

    A member keeps its rank and its course over the days. A single member has no spread to correct:
    once there are 20 past errors, they are added to it, all leads and columns together, and the
    result has one member per error.

    References
    ----------
    Member-by-member postprocessing: Van Schaeybroeck and Vannitsem (2015), Quarterly Journal of
    the Royal Meteorological Society 141(688). Dressing: Roulston and Smith (2003), Tellus A 55(1).
    """
    future, archive = covariates.future, covariates.archive
    if archive is None or not future.shape[1]:
        return future
    n_ahead = future.shape[1]
    errors, variances = _pairs(covariates, n_ahead)
    is_known = np.isfinite(errors)  # (n_issues, n_ahead, k)
    count = is_known.sum(axis=0)
    bias = np.where(is_known, errors, 0.0).sum(axis=0) / (count + PRIOR_PAIRS)
    if len(future) == 1:
        whole = errors[is_known.all(axis=(1, 2))]
        return future + (whole if len(whole) >= _FEWEST_ERRORS else bias[None])
    squares = np.where(is_known, (errors - bias) ** 2, 0.0).sum(axis=0)
    members = archive.values.shape[1]  # the errors' number of members; today's may differ
    expected = np.where(is_known, variances, 0.0).sum(axis=0) * (1.0 + 1.0 / members)
    ratio = np.divide(squares, expected, out=np.ones_like(squares), where=expected > 1e-12)
    factor = np.sqrt((PRIOR_PAIRS + count * ratio) / (PRIOR_PAIRS + count))
    mean = future.mean(axis=0)
    return np.asarray(mean + bias + np.clip(factor, *_FACTORS) * (future - mean))


def _pairs(covariates: Covariates, n_ahead: int) -> tuple[Array, Array]:
    """Error of the mean and variance of the members, (n_issues, n_ahead, k); NaN if unknown."""
    archive, history = covariates.archive, covariates.history
    assert archive is not None
    values = archive.values[:, :, :n_ahead]  # (n_issues, n_members, <= n_ahead, k)
    lacking = n_ahead - values.shape[2]
    shape = (len(values), n_ahead, history.shape[1])
    errors, variances = np.full(shape, np.nan), np.full(shape, np.nan)
    spread = values.var(axis=1, ddof=1) if values.shape[1] > 1 else np.zeros_like(values[:, 0])
    for issue, origin in enumerate(archive.origins):
        first = int((origin - covariates.start).astype(np.int64)) + 1
        days = min(n_ahead - lacking, len(history) - first)
        if first >= 0 and days > 0:
            observed = history[first : first + days]
            errors[issue, :days] = observed - values[issue, :, :days].mean(axis=0)
            variances[issue, :days] = spread[issue, :days]
    return errors, variances
