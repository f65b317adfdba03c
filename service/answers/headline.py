"""The forecast in one sentence of plain words."""

from __future__ import annotations

__all__ = ["headline"]

import datetime as dt
from typing import Any

from service.answers.checks import DAY_THRESHOLD
from service.answers.errors import NotPossible
from service.answers.figures import figures
from service.answers.issue_loader import IssueLoader, IssueView
from service.answers.state import AGED
from service.answers.totals import periods
from service.answers.wording import per_cent
from service.core.clock import in_words

_DAYS, _ONE_DAY = 7, dt.timedelta(days=1)


def headline(desk: IssueLoader, view: IssueView) -> dict[str, Any]:
    """Say what the next seven days may bring; of days that are over, what was forecast and came.

    Returns
    -------
    dict
        ``sentence``, and the numbers in it: ``from to median lo80 hi80 threshold p_above``; and
        ``caution``, a sentence on what old figures mean for it, empty while they are new.

    Raises
    ------
    NotPossible
        If the issue does not reach so far.
    """
    ahead, unit = view.ahead, view.known.unit
    (week,) = periods(view.known, ahead, ["next_7_days"], [80])
    if week["note"]:
        raise NotPossible(
            f"the last day that issue {view.issue.issue_id} can answer is {view.paths.end}, and "
            f"the week to {week['to']} is asked: a newer forecast is needed (`crossings refit`)"
        )
    threshold = DAY_THRESHOLD[view.issue.series_id]
    p_above = round(ahead.upto(_DAYS).any_exceedance(threshold), 4)
    numbers = {name: week[name] for name in ("from", "to", "median", "lo80", "hi80")}
    first, last = dt.date.fromisoformat(week["from"]), dt.date.fromisoformat(week["to"])
    about = f"about {week['median']:,} {unit}"
    within = f"8 weeks in 10 between {week['lo80']:,} and {week['hi80']:,}"
    if view.is_past:
        came = figures(desk, view.issue.series_id, first, last)
        sentence = (
            f"We forecast {about} for {_span(first, last)}, {within}; "
            f"{_came([row['value'] for row in came])}."
        )
    else:
        soon = "Next 7 days" if first <= desk.today() + _ONE_DAY else _span(first, last)
        chance = f"{per_cent(p_above)} chance of a day above {threshold:,}"
        sentence = f"{soon}: {about}, {within}; {chance}."
    return {
        "sentence": sentence,
        "caution": _caution(view),
        "threshold": threshold,
        "p_above": p_above,
    } | numbers


def _caution(view: IssueView) -> str:
    old = any(reason.name in AGED for reason in view.state.reasons)
    if view.is_past or not old:
        return ""
    since = in_words(view.issue.data_through)
    return f"No figures since {since}, so this rests on the season and on the level of that time."


def _came(values: list[int]) -> str:
    if not values:
        return "no figure of these days is published yet"
    if len(values) < _DAYS:
        return f"{sum(values):,} arrived on the {len(values)} of 7 days that are published"
    return f"{sum(values):,} arrived"


def _span(first: dt.date, last: dt.date) -> str:
    """The days themselves, the year named."""
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {in_words(last)}"
    if first.year == last.year:
        return f"{first.day} {first:%B} to {in_words(last)}"
    return f"{in_words(first)} to {in_words(last)}"
