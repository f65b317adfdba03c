"""Daily forecasts: median, mean, chance of arrivals and prediction intervals."""

__all__ = ["LEVELS", "LIKELIHOODS", "Level", "Likelihood", "bands", "likelihood"]

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

from forecast.paths import bound_names
from service.answers.ahead import Ahead
from service.core.declared_series import Series

Level: TypeAlias = Literal[50, 80, 90, 95, 99]
LEVELS: tuple[int, ...] = get_args(Level)
"""Available levels of the central bands, in per cent."""

Likelihood: TypeAlias = Literal["likely", "possible", "unlikely"]
LIKELIHOODS: tuple[Likelihood, ...] = get_args(Likelihood)
"""Likelihood of any arrivals on a day, in a word."""


def bands(
    ahead: Ahead, horizon: int, levels: Sequence[int], declared: Series | None
) -> list[dict[str, Any]]:
    """Return one row a day for `horizon` days, with counts in whole people or boats.

    ``likelihood`` is None without a `declared` series, which has the thresholds.
    """
    summary, p_zero = ahead.paths.summary(levels), ahead.paths.p_zero()
    columns = {
        "median": summary["median"].tolist(),
        "mean": ahead.paths.mean().round(2).tolist(),
        "p_zero": p_zero.round(4).tolist(),
        "p_any": (1 - p_zero).round(4).tolist(),
        "likelihood": [declared and likelihood(p, declared) for p in p_zero.tolist()],
        **{name: summary[name].tolist() for name in bound_names(levels)},
    }
    return ahead.rows(horizon, columns)


def likelihood(p_zero: float, declared: Series) -> Likelihood:
    """Compare the chance of any arrivals, ``1 - p_zero``, with the declared thresholds.

    `p_zero` must not be rounded before. A chance equal to a threshold is ``possible``.
    """
    # Rounding to 1e-9 keeps 1 - 0.45 equal to 0.55 in spite of binary fractions.
    p_any = round(1 - p_zero, 9)
    if p_any > declared.likely_above:
        return "likely"
    return "unlikely" if p_any < declared.unlikely_below else "possible"
