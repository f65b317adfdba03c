"""Uncertainty of averages over origins: a paired block bootstrap.

Scores of neighbouring origins are correlated, as horizons overlap and seasons last, so whole
blocks of origins are resampled. Two forecasters are resampled at the same origins, since what was
hard for one was mostly hard for the other.
"""

from __future__ import annotations

__all__ = ["LEVEL", "RESAMPLES", "Interval", "block_length", "mean", "ratio", "resample"]

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

RESAMPLES, LEVEL, _SEED = 5000, 95, 20180101


@dataclass(frozen=True)
class Interval:
    """A value with the bounds of its central interval at `LEVEL` per cent."""

    value: float
    lo: float
    hi: float

    def holds(self, other: float) -> bool:
        """Whether `other` is inside, bounds included."""
        return self.lo <= other <= self.hi


def block_length(n: int) -> int:
    """Number of origins in a block: the cube root of their number, rounded up."""
    return int(np.ceil(round(n ** (1 / 3), 9)))


def resample(n: int, rng: np.random.Generator, resamples: int = RESAMPLES) -> npt.NDArray[np.int64]:
    """Draw `resamples` times `n` indices in circular blocks, shape (resamples, n).

    Politis and Romano (1992), in Exploring the Limits of Bootstrap, 263-270.
    """
    length = block_length(n)
    starts = rng.integers(0, n, size=(resamples, -(-n // length), 1))
    places = (starts + np.arange(length)) % n  # (resamples, blocks, length)
    return np.asarray(places.reshape(resamples, -1)[:, :n])


def mean(values: Array) -> Interval:
    """Mean of `values`, shape (n_origins,), with its interval."""
    return _interval(float(values.mean()), _means(values))


def ratio(ours: Array, theirs: Array) -> Interval:
    """Mean of `ours` over mean of `theirs`, both (n_origins,) at the same origins.

    For several measures, (n_origins, n_measures), the geometric mean of their ratios. Resamples in
    which all of `theirs` are zero are left out.
    """
    if ours.shape != theirs.shape:
        raise ValueError(f"expected as many of both, found {len(ours)} and {len(theirs)}")
    resampled = _geometric_mean(_means(ours), _means(theirs))
    value = _geometric_mean(ours.mean(axis=0, keepdims=True), theirs.mean(axis=0, keepdims=True))
    return _interval(float(value[0]), resampled)


def _geometric_mean(above: Array, below: Array) -> Array:
    """Geometric mean of the ratios per resample, shape (n_draws,) or fewer, from (n_draws, …)."""
    above, below = above.reshape(len(above), -1), below.reshape(len(below), -1)
    some = (below != 0).all(axis=1)
    return np.asarray((above[some] / below[some]).prod(axis=1) ** (1 / above.shape[1]))


def _means(values: Array) -> Array:
    # Fixed seed: two series of scores are resampled at the same origins.
    places = resample(len(values), np.random.default_rng(_SEED))
    return np.asarray(values[places].mean(axis=1))


def _interval(value: float, resampled: Array) -> Interval:
    tail = (100 - LEVEL) / 2
    lo, hi = np.percentile(resampled, [tail, 100 - tail])
    return Interval(value, float(lo), float(hi))
