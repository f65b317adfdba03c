"""Drivers of a forecast, in people relative to the yearly mean.

Each factor's share is its Shapley value: what it adds to the mean forecast, averaged over all
orders of adding the factors. The shares and the yearly mean add up to the forecast.
"""

from __future__ import annotations

__all__ = ["METHOD", "OTHER", "attribution", "factors_of", "mean_without"]

import itertools
import math
from collections.abc import Set

import numpy as np
import numpy.typing as npt

from forecast.forecasters.base import Fitted, SupportsExplanation

Array = npt.NDArray[np.float64]

METHOD = "Shapley values of the mean forecast; a factor left out takes any of its past values"
OTHER = "other"
"""The unexplained part: members without factors, and the average day."""


def attribution(
    fitted: Fitted, mean: Array, yearly_mean: float, n_paths: int, seed: int
) -> dict[str, Array]:
    """Split `mean`, shape (horizon,), into what each factor adds to `yearly_mean`.

    Parameters
    ----------
    mean : ndarray, shape (horizon,)
        The mean forecast as published, in the unit of the series.
    yearly_mean : float
        Mean per day over the last year.
    n_paths, seed : int
        Number of paths and seed of the simulations, which share their random numbers.

    Returns
    -------
    dict of factor to ndarray, shape (horizon,)
        With `OTHER`; ``yearly_mean`` plus all of them is `mean`.

    References
    ----------
    Shapley (1953), A value for n-person games; Owen (2014), SIAM/ASA Journal on Uncertainty
    Quantification 2(1).
    """
    factors = factors_of(fitted)
    horizon = len(mean)
    value = {
        frozenset(present): mean_without(
            fitted, set(factors) - set(present), horizon, n_paths, np.random.default_rng(seed)
        )
        for size in range(len(factors) + 1)
        for present in itertools.combinations(factors, size)
    }
    n = len(factors)
    shares = {}
    for factor in factors:
        others = [name for name in factors if name != factor]
        total = np.zeros(horizon)
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for present in itertools.combinations(others, size):
                total += weight * (value[frozenset({*present, factor})] - value[frozenset(present)])
        shares[factor] = total
    rest = mean - yearly_mean - sum(shares.values(), np.zeros(horizon))
    return shares | {OTHER: rest}


def factors_of(fitted: Fitted) -> tuple[str, ...]:
    """Return the factors that explain `fitted`; empty if there are none."""
    return fitted.factors if isinstance(fitted, SupportsExplanation) else ()


def mean_without(
    fitted: Fitted, absent: Set[str], horizon: int, n_paths: int, rng: np.random.Generator
) -> Array:
    """Mean forecast without the factors `absent`, shape (horizon,)."""
    if isinstance(fitted, SupportsExplanation):
        return fitted.mean_without(absent, horizon, n_paths, rng)
    return fitted.simulate(horizon, n_paths, rng).mean()
