"""The forecast in one plain sentence."""

__all__ = ["headline", "outcome"]

import datetime as dt
from collections.abc import Sequence
from typing import Any

from service.answers.errors import NotPossible
from service.answers.figures import figures
from service.answers.issue_loader import IssueLoader, IssueView
from service.answers.state import OLD_FIGURES
from service.answers.totals import periods
from service.answers.wording import approximate_headline, day_span, per_cent, range_chance
from service.core.clock import format_day

_DAYS, _ONE_DAY = 7, dt.timedelta(days=1)


def headline(loader: IssueLoader, view: IssueView) -> dict[str, Any]:
    """Summarise the next seven days; for a past issue, its forecast and the outcome.

    Only the ``sentence`` rounds the numbers.
    """
    ahead = view.ahead
    (week,) = periods(view.observed, ahead, ["next_7_days"], [80])
    if week["note"]:
        raise NotPossible(
            f"issue {view.issue.issue_id} ends on {view.paths.end}, before the end of the week to "
            f"{week['to']}: publish a newer forecast (`crossings refit`)"
        )
    threshold = view.declared.day_threshold
    p_above = round(ahead.upto(_DAYS).any_exceedance(threshold), 4)
    numbers = {name: week[name] for name in ("from", "to", "median", "lo80", "hi80")}
    first, last = dt.date.fromisoformat(week["from"]), dt.date.fromisoformat(week["to"])
    if view.is_past:  # exact: the outcome may be close to a bound
        rows = figures(loader, view.issue.series_id, first, last)
        made = "We forecast" if view.issue.kind == "live" else "The hindcast was"
        forecast = f"{made} {week['median']:,} {view.declared.unit_of(week['median'])}"
        within = range_chance(week["lo80"], week["hi80"])
        forecast += f" for {day_span(first, last)} ({within})"
        sentence = f"{forecast}; {outcome([row['value'] for row in rows])}."
    else:
        median, lo80, hi80 = approximate_headline(week)
        about = f"about {median} {view.declared.unit_of(median)}"
        within = range_chance(lo80, hi80)
        soon = "Next 7 days" if first <= loader.today() + _ONE_DAY else day_span(first, last)
        chance = f"{per_cent(p_above)} chance of a day above {threshold:,}"
        sentence = f"{soon}: {about} ({within}); {chance}."
    return {
        "sentence": sentence,
        "caution": _caution(view),
        "threshold": threshold,
        "p_above": p_above,
    } | numbers


def _caution(view: IssueView) -> str:
    old = any(reason.name in OLD_FIGURES for reason in view.state.reasons)
    if view.is_past or not old:
        return ""
    since = format_day(view.issue.data_through)
    return (
        f"We have no figures after {since}, so this is based on the time of year and on "
        "earlier arrivals."
    )


def outcome(values: Sequence[int]) -> str:
    """Say how many arrived in a week, using the days already published."""
    if not values:
        return "the figures for these days are not published yet"
    if len(values) < _DAYS:
        return f"{sum(values):,} arrived on the {len(values)} of 7 days with published figures"
    return f"{sum(values):,} arrived"
