"""Two regressions for counts with many zeros: whether anyone arrives, and how many."""

from __future__ import annotations

__all__ = ["fit_sizes", "gamma_regression", "logistic", "logistic_regression", "scaled_ridge"]

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_FEWEST_SIZES = 8
_MOST_STEPS = 100
_CLOSE_ENOUGH = 1e-8


def logistic(x: Array) -> Array:
    """1 / (1 + exp(-x)), safe for large `x`, same shape."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -30.0, 30.0))))


def logistic_regression(x: Array, happened: Array, weights: Array, ridge: float | Array) -> Array:
    """Weighted, ridge-penalised logistic regression by Newton's method.

    Parameters
    ----------
    x : ndarray, shape (n, k)
        Regressors; the first column is the constant and is not penalised.
    happened : ndarray, shape (n,)
        0 or 1.
    weights : ndarray, shape (n,)
    ridge : float or ndarray, shape (k,)
        Penalty on the squared coefficients; one for all but the constant, or one for each.

    Returns
    -------
    ndarray, shape (k,)

    References
    ----------
    McCullagh and Nelder (1989), Generalized Linear Models, section 4.4.
    """
    penalty = _penalty(x.shape[1], ridge)
    share = np.clip(np.average(happened, weights=weights), 0.01, 0.99)
    beta = np.zeros(x.shape[1])
    beta[0] = np.log(share / (1.0 - share))
    for _ in range(_MOST_STEPS):
        p = logistic(x @ beta)
        curvature = (x * (weights * p * (1.0 - p))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(curvature, x.T @ (weights * (happened - p)) - penalty * beta)
        beta = beta + np.clip(step, -5.0, 5.0)
        if np.max(np.abs(step)) < _CLOSE_ENOUGH:
            break
    return beta


def gamma_regression(x: Array, size: Array, weights: Array, ridge: float | Array) -> Array:
    """Weighted, ridge-penalised Gamma regression with log link by Fisher scoring.

    `size`, shape (n,), is positive; the other arguments and the result are those of
    `logistic_regression`. Under the log link the scoring matrix does not change.

    References
    ----------
    McCullagh and Nelder (1989), Generalized Linear Models, chapter 8.
    """
    penalty = _penalty(x.shape[1], ridge)
    scoring = (x * weights[:, None]).T @ x + np.diag(penalty)
    beta = np.linalg.solve(scoring, x.T @ (weights * np.log(size)))
    for _ in range(_MOST_STEPS):
        ratio = np.minimum(size / np.exp(np.clip(x @ beta, -20.0, 20.0)), 20.0)
        step = np.linalg.solve(scoring, x.T @ (weights * (ratio - 1.0)) - penalty * beta)
        beta = beta + np.clip(step, -1.0, 1.0)
        if np.max(np.abs(step)) < _CLOSE_ENOUGH:
            break
    return np.asarray(beta, dtype=np.float64)


def scaled_ridge(x: Array, weights: Array, strength: Array) -> Array:
    """Penalty for each column of `x` for `strength` in standard deviations, both shape (k,).

    A constant column is held at zero; the intercept is not penalised.

    References
    ----------
    Hoerl and Kennard (1970), Technometrics 12(1).
    """
    mean = np.average(x, axis=0, weights=weights)
    variance = np.average((x - mean) ** 2, axis=0, weights=weights)
    penalty = np.where(variance > 1e-12, strength * variance, 1.0)
    penalty[0] = 1e-6
    return np.asarray(penalty, dtype=np.float64)


def _penalty(columns: int, ridge: float | Array) -> Array:
    if isinstance(ridge, np.ndarray):
        return ridge
    penalty = np.full(columns, float(ridge))
    penalty[0] = 1e-6
    return penalty


def fit_sizes(x: Array, y: Array, weights: Array, strength: Array) -> tuple[Array, Array, Array]:
    """Gamma regression: coefficients (k,), sorted residual ratios (n,) and their shares (n,)."""
    if len(y) < _FEWEST_SIZES:  # too few for a regression: use one mean
        size = np.zeros(x.shape[1])
        size[0] = np.log(y.mean()) if len(y) else 0.0
        return size, np.ones(1), np.ones(1)
    size = gamma_regression(x, y, weights, scaled_ridge(x, weights, strength))
    ratios = y / np.exp(np.clip(x @ size, -20.0, 20.0))
    order = np.argsort(ratios, kind="stable")
    return size, ratios[order], (weights / weights.sum())[order]
