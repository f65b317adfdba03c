"""Probability that a day, or a run of days, exceeds a threshold."""

__all__ = ["chance", "exceedance"]

import datetime as dt
from typing import Any

from service.answers.ahead import Ahead, IssueView, share_in_steps
from service.answers.errors import BadQuestion
from service.core.clock import day_columns, format_instant


def exceedance(
    ahead: Ahead, threshold: int, window: int, horizon: int, our_share: float = 100
) -> dict[str, Any]:
    """P(`our_share` per cent of the sum of `window` days > `threshold`) within the horizon.

    ``p_any`` is the probability of at least one such sum; there is a row for each first day.
    """
    near = ahead.upto(horizon)
    if window > horizon:
        raise BadQuestion("window", f"at most the horizon, {horizon}", window)
    share, whole = share_in_steps(our_share)
    of_all = threshold * whole // share
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


def chance(view: IssueView, threshold: int, window: int, horizon: int) -> dict[str, Any]:
    """Return P(some run of `window` days within the horizon exceeds `threshold`) as ``value``."""
    answer = exceedance(view.ahead, threshold, window, horizon)
    parameters = {name: answer[name] for name in ("threshold", "window", "horizon")}
    return {"time": format_instant(view.issue.issued_at), "value": answer["p_any"]} | parameters
