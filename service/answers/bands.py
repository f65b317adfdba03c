"""Daily forecasts: median, mean, chance of arrivals and prediction intervals."""

from __future__ import annotations

__all__ = ["LEVELS", "Level", "bands", "check_levels"]

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

from forecast.paths import Paths, bound_names
from service.answers.ahead import Ahead
from service.answers.errors import BadQuestion
from service.answers.likelihood import likelihood
from service.core.clock import day_columns
from service.core.declared_series import Series

Level: TypeAlias = Literal[50, 80, 90, 95, 99]
LEVELS: tuple[int, ...] = get_args(Level)
"""Levels, in per cent, of the central bands that can be asked for."""


def bands(
    ahead: Ahead, horizon: int, levels: Sequence[int], declared: Series | None
) -> list[dict[str, Any]]:
    """Return one row a day for `horizon` days; ``horizon_days`` counts from the last figure.

    Parameters
    ----------
    declared : Series | None
        Has the thresholds of ``likelihood``, which is None without them.

    Returns
    -------
    list of dict
        ``time date horizon_days median mean p_zero p_any likelihood lo50 hi50 …``; counts in whole
        people or boats, the mean in hundredths; and ``note``, of a day that is over without a
        figure.

    Raises
    ------
    BadQuestion
        If the horizon is longer than the paths, or a level is not one of `LEVELS`.
    """
    check_levels(levels)
    begin, end = ahead.skipped, ahead.end(horizon)
    columns = _columns(ahead.paths, levels, declared)
    return [
        {
            **day_columns(day),
            "horizon_days": at + 1,
        }
        | {name: values[at] for name, values in columns.items()}
        | {"note": ahead.note(day)}
        for at, day in enumerate(ahead.paths.dates[begin:end].tolist(), start=begin)
    ]


def check_levels(levels: Sequence[int]) -> None:
    """Raise `BadQuestion` unless each of `levels` is one of `LEVELS`, once."""
    wrong = [level for level in levels if level not in LEVELS]
    if wrong or not levels or len(set(levels)) != len(levels):
        allowed = ", ".join(map(str, LEVELS))
        raise BadQuestion(
            "levels", f"some of {allowed}, each once", ",".join(map(str, levels))[:40] or "none"
        )


def _columns(paths: Paths, levels: Sequence[int], declared: Series | None) -> dict[str, Any]:
    summary, p_zero = paths.summary(levels), paths.p_zero()
    return {
        "median": summary["median"].tolist(),
        "mean": paths.mean().round(2).tolist(),
        "p_zero": p_zero.round(4).tolist(),
        "p_any": (1 - p_zero).round(4).tolist(),
        "likelihood": [declared and likelihood(p, declared) for p in p_zero.tolist()],
        **{name: summary[name].tolist() for name in bound_names(levels)},
    }
