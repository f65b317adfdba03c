"""The forecast in one sentence of plain words."""

from __future__ import annotations

__all__ = ["DAY_THRESHOLD", "headline", "per_cent"]

import datetime as dt
from typing import Any

from service.answers.desk import View
from service.answers.totals import periods
from service.clock import uk_day

DAY_THRESHOLD = {"people": 500, "boats": 10}
"""The day that the sentence gives the chance of passing, by series."""


def headline(view: View) -> dict[str, Any]:
    """Say what the next seven days may bring.

    Returns
    -------
    dict
        ``sentence``, and the numbers in it: ``from to median lo80 hi80 threshold p_above``.
    """
    (week,) = periods(view.known, view.paths, view.moment, ["next_7_days"], [80])
    threshold = DAY_THRESHOLD[view.issue.series_id]
    p_above = round(view.paths.upto(7).any_exceedance(threshold), 4)
    numbers = {name: week[name] for name in ("from", "to", "median", "lo80", "hi80")}
    first, last = dt.date.fromisoformat(week["from"]), dt.date.fromisoformat(week["to"])
    sentence = (
        f"{_span(first, last, view)}: about {week['median']:,} {view.known.unit}, "
        f"8 weeks in 10 between {week['lo80']:,} and {week['hi80']:,}; "
        f"{per_cent(p_above)} chance of a day above {threshold:,}."
    )
    return {"sentence": sentence, "threshold": threshold, "p_above": p_above} | numbers


def _span(first: dt.date, last: dt.date, view: View) -> str:
    """``Next 7 days`` while that is true, and else the days themselves."""
    if abs((uk_day(view.moment) - first).days) <= 1:
        return "Next 7 days"
    if first.month == last.month:
        return f"{first.day} to {last.day} {last:%B %Y}"
    return f"{first.day} {first:%B} to {last.day} {last:%B %Y}"


def per_cent(p: float) -> str:
    """A probability as words that do not claim more than a sample can know."""
    if p < 0.0051:
        return "under 1 %"
    return "over 99 %" if p > 0.9949 else f"{100 * p:.0f} %"
