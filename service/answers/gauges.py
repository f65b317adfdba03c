"""Single values for monitoring and alerting."""

__all__ = ["age", "chance"]

import datetime as dt
from typing import Any

from service.answers.exceedance import exceedance
from service.answers.issue_loader import IssueView
from service.core.clock import format_instant


def chance(view: IssueView, threshold: int, window: int, horizon: int) -> dict[str, Any]:
    """Return P(some run of `window` days within the horizon exceeds `threshold`) as ``value``.

    With ``window`` and ``horizon`` both 7: P(the next seven days total more than `threshold`).
    """
    answer = exceedance(view.ahead, threshold, window, horizon)
    parameters = {name: answer[name] for name in ("threshold", "window", "horizon")}
    return {"time": format_instant(view.issue.issued_at), "value": answer["p_any"]} | parameters


def age(view: IssueView, now: dt.datetime) -> dict[str, Any]:
    """Return hours since the issue, days since the last figure, and the status as 0 or 1."""
    hours = (now - view.issue.issued_at).total_seconds() / 3600
    return {
        "time": format_instant(view.issue.issued_at),
        "hours_since_issue": round(max(hours, 0.0), 2),
        "days_since_figures": (view.route.day(now) - view.issue.data_through).days,
        "fresh": int(view.state.status == "fresh"),
        "degraded": int(view.state.status == "degraded"),
    }
