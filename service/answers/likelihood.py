"""How likely any arrivals are on a day, in a word."""

from __future__ import annotations

__all__ = ["LIKELIHOODS", "Likelihood", "likelihood"]

from typing import Literal, TypeAlias, get_args

from service.core.declared_series import Series

Likelihood: TypeAlias = Literal["likely", "possible", "unlikely"]
LIKELIHOODS: tuple[Likelihood, ...] = get_args(Likelihood)


def likelihood(p_zero: float, declared: Series) -> Likelihood:
    """Compare the chance of any arrivals, ``1 - p_zero``, with the declared thresholds.

    `p_zero` must not be rounded before. A chance equal to a threshold is ``possible``.
    """
    # Rounding to 1e-9 keeps 1 - 0.45 equal to 0.55 in spite of binary fractions.
    p_any = round(1 - p_zero, 9)
    if p_any > declared.likely_above:
        return "likely"
    return "unlikely" if p_any < declared.unlikely_below else "possible"
