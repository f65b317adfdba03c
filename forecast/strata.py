"""Stratified uniform random numbers."""

from __future__ import annotations

__all__ = ["stratified_uniforms"]

import numpy as np
import numpy.typing as npt


def stratified_uniforms(n: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draw one uniform number in each n-th of [0, 1), in random order, shape (n,).

    References
    ----------
    McKay, Beckman and Conover (1979), Technometrics 21(2).
    """
    return np.asarray((rng.permutation(n) + rng.random(n)) / n)
