"""Daily forecasts: median, mean, chance of no arrivals and prediction intervals."""

from __future__ import annotations

__all__ = ["LEVELS", "Level", "bands", "check_levels"]

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

from forecast.paths import Paths, bound_names
from service.answers.ahead import Ahead
from service.answers.errors import BadQuestion
from service.core.clock import day_columns

Level: TypeAlias = Literal[50, 80, 90, 95, 99]
LEVELS: tuple[int, ...] = get_args(Level)
"""Levels, in per cent, of the central bands that can be asked for."""


def bands(ahead: Ahead, horizon: int, levels: Sequence[int]) -> list[dict[str, Any]]:
    """Return one row a day for `horizon` days; ``horizon_days`` counts from the last figure.

    Returns
    -------
    list of dict
        ``time date horizon_days median mean p_zero lo50 hi50 …``; counts in whole people or
        boats, the mean in hundredths; and ``note``, of a day that is over without a figure.

    Raises
    ------
    BadQuestion
        If the horizon is longer than the paths, or a level is not one of `LEVELS`.
    """
    check_levels(levels)
    begin, end = ahead.skipped, ahead.end(horizon)
    columns = _columns(ahead.paths, levels)
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


def _columns(paths: Paths, levels: Sequence[int]) -> dict[str, list[Any]]:
    summary = paths.summary(levels)
    columns = {
        "median": summary["median"],
        "mean": paths.mean().round(2),
        "p_zero": paths.p_zero().round(4),
        **{name: summary[name] for name in bound_names(levels)},
    }
    return {name: values.tolist() for name, values in columns.items()}
