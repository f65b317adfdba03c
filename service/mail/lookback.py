"""The previous email's forecast compared with the outcome, and changes since then."""

from __future__ import annotations

__all__ = ["changes", "last_week", "track_record"]

import datetime as dt
from typing import Any

from service.answers import changes as compared
from service.answers import track_record as record
from service.answers.errors import NoAnswer
from service.answers.figures import figures
from service.answers.headline import outcome
from service.answers.issue_loader import IssueLoader, IssueView
from service.answers.wording import approximate_headline, day_span, long_day, signed
from service.mail.delivery_store import Edition

_DAYS = 7
_RECORD_WEEKS = 26


def last_week(loader: IssueLoader, previous: Edition | None) -> dict[str, Any]:
    """Compare the seven days of the previous email with the published figures.

    In its ``rows`` of ``date median lo80 hi80 came``, ``came`` is None if unpublished.
    """
    if previous is None:
        return {"sentence": _last_hindcast(loader), "rows": []}
    days = previous.content["days"][:_DAYS]
    first, last = (dt.date.fromisoformat(days[at]["date"]) for at in (0, -1))
    came = {row["date"]: row["value"] for row in figures(loader, loader.route.leading, first, last)}
    rows = [
        {name: day[name] for name in ("date", "median", "lo80", "hi80")}
        | {"came": came.get(day["date"])}
        for day in days
    ]
    return {"sentence": _sentence(previous, came), "rows": rows}


def changes(loader: IssueLoader, view: IssueView, previous: Edition | None) -> list[str]:
    """Return one sentence for each change since the previous email; none in the first."""
    if previous is None:
        return []
    then = previous.content
    if then["issue_id"] == view.issue.issue_id:
        return ["There has been no new forecast since the last email."]
    unit = view.declared.unit
    before = dt.date.fromisoformat(then["data_through"])
    days = (view.issue.data_through - before).days
    plural = "day" if days == 1 else "days"
    sentences = [f"Figures for {days} more {plural} are available."] if days else []
    if then["model"] != view.entry.title:
        sentences.append(f"The forecast now uses another model: {view.entry.title}.")
    try:
        comparison = compared.changes(loader, view, then["issue_id"])
    except NoAnswer:
        return sentences or ["There is no earlier forecast of these days to compare with."]
    for total in comparison["totals"][:1]:
        causes = ", ".join(
            f"{compared.CAUSE_NAMES.get(cause, cause)} {signed(total[cause])}"
            for cause in comparison["causes"]
        )
        sentences.append(
            f"For the same {total['days']} days, the mean forecast changed from "
            f"{total['before']:,.0f} to {total['after']:,.0f} {unit}: {causes}."
        )
    return sentences


def track_record(loader: IssueLoader) -> str:
    """Summarise the accuracy of past forecasts in one line; hindcasts are labelled."""
    live = _record(loader, "live", "Published forecasts")
    none_yet = "No published forecast has been scored yet."
    return live or f"{none_yet} {_record(loader, 'hindcast', 'Hindcasts')}".strip()


def _record(loader: IssueLoader, kind: str, name: str) -> str:
    scores = record.track_record(loader, loader.route.leading, _RECORD_WEEKS, kind=kind)
    week = next(row for row in scores["rows"] if row["measure"] == "total_7")
    if not week["n"] or week["coverage80"] is None:
        return ""
    text = (
        f"{name}, {scores['window_weeks']} weeks to {long_day(scores['to'])}: the "
        f"80% range of a week was right {_share(week['coverage80'])} of the time (95% confidence "
        f"interval {_share(week['coverage80_lo'])} to {_share(week['coverage80_hi'])})"
    )
    gain = week["skill_climatology"]
    if gain is None:
        return f"{text}."
    side = "better" if gain >= 0 else "worse"
    return f"{text}; by CRPS {_share(abs(gain))} {side} than climatology."


def _share(number: float) -> str:
    return f"{100 * number:.0f}%"


def _last_hindcast(loader: IssueLoader) -> str:
    """Return the sentence of a first email: how the last hindcast of a week compared."""
    first = "This is the first email, so there is no earlier forecast to check."
    record_of = record.track_record(loader, loader.route.leading, _RECORD_WEEKS, kind="hindcast")
    if not record_of["weeks"]:
        return first
    week = record_of["weeks"][-1]
    median, lo80, hi80 = approximate_headline(week)
    return (
        f"{first} The hindcast for {_span(week)} was about "
        f"{median} {record_of['unit']}, with an 80% chance of between {lo80} and {hi80}. "
        f"{week['truth']:,} arrived, {_place(week['truth'], week)} that range."
    )


def _span(week: dict[str, Any]) -> str:
    return day_span(dt.date.fromisoformat(week["from"]), dt.date.fromisoformat(week["to"]))


def _place(total: int, numbers: dict[str, Any]) -> str:
    """Say where `total` lies: above, below or within ``lo80`` to ``hi80``."""
    return "above" if total > numbers["hi80"] else "below" if total < numbers["lo80"] else "within"


def _sentence(previous: Edition, came: dict[str, int]) -> str:
    headline = previous.content["headline"]
    median, lo80, hi80 = approximate_headline(headline)
    forecast = (
        f"The last email forecast about {median} {previous.content['unit']} for {_span(headline)}, "
        f"with an 80% chance of between {lo80} and {hi80}"
    )
    arrived = outcome(list(came.values()))
    if len(came) == _DAYS:
        arrived += f", {_place(sum(came.values()), headline)} that range"
    return f"{forecast}. {arrived[0].upper()}{arrived[1:]}."
