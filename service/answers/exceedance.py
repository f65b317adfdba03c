"""Probability that a day, or a run of days, exceeds a threshold."""

__all__ = ["exceedance"]

import datetime as dt
from typing import Any

from service.answers.ahead import ALL_STEPS, Ahead, share_steps
from service.answers.errors import MOST_THRESHOLD, check_whole
from service.core.clock import day_columns


def exceedance(
    ahead: Ahead, threshold: int, window: int, horizon: int, our_share: float = 100
) -> dict[str, Any]:
    """P(`our_share` per cent of the sum of `window` days > `threshold`) within the horizon.

    Returns ``threshold window horizon p_any``, the probability of at least one such sum within the
    horizon, and ``rows`` of ``time date to horizon_days p_above note``, one for each first day.
    """
    near = ahead.upto(horizon)
    check_whole("window", window, 1, horizon)
    check_whole("threshold", threshold, 0, MOST_THRESHOLD)
    of_all = threshold * ALL_STEPS // share_steps(our_share)
    chances = near.exceedance(of_all, window).round(4).tolist()
    rows = [
        {
            **day_columns(day),
            "to": str(day + dt.timedelta(days=window - 1)),
            "horizon_days": at,
            "p_above": chance,
            "note": ahead.note(day),
        }
        for at, (day, chance) in enumerate(
            zip(near.dates.tolist(), chances, strict=False), start=ahead.skipped + 1
        )
    ]
    return {
        "threshold": threshold,
        "window": window,
        "horizon": horizon,
        "p_any": round(near.any_exceedance(of_all, window), 4),
        "rows": rows,
    }
