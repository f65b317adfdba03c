"""What the last mail said, held against what came since; said plainly when there was none."""

from __future__ import annotations

__all__ = ["changes", "last_week", "track_record"]

import datetime as dt
from typing import Any

from forecast.joint import PEOPLE
from service.answers import changes as compared
from service.answers import track_record as record
from service.answers.errors import NoAnswer
from service.answers.figures import figures
from service.answers.issue_loader import IssueLoader, IssueView
from service.answers.wording import long_day, signed
from service.mail.delivery_store import Edition

_DAYS = 7
_RECORD_WEEKS = 26


def last_week(desk: IssueLoader, previous: Edition | None) -> dict[str, Any]:
    """The seven days that the mail before was about.

    Returns
    -------
    dict
        ``sentence``, and ``rows`` of ``date median lo80 hi80 came``; ``came`` is None for a day
        whose figure is not published.
    """
    if previous is None:
        text = "This is the first mail: there is no earlier one to hold against what came."
        return {"sentence": text, "rows": []}
    days = previous.content["days"][:_DAYS]
    first, last = (dt.date.fromisoformat(days[at]["date"]) for at in (0, -1))
    came = {row["date"]: row["value"] for row in figures(desk, PEOPLE, first, last)}
    rows = [
        {name: day[name] for name in ("date", "median", "lo80", "hi80")}
        | {"came": came.get(day["date"])}
        for day in days
    ]
    return {"sentence": _sentence(previous, came), "rows": rows}


def changes(desk: IssueLoader, view: IssueView, previous: Edition | None) -> list[str]:
    """What is different from the mail before, and because of what, a sentence each."""
    if previous is None:
        return ["This is the first mail: there is nothing to compare it with."]
    then = previous.content
    if then["issue_id"] == view.issue.issue_id:
        return ["No new forecast was made since the last mail: it is the same one."]
    unit = view.known.unit
    before = dt.date.fromisoformat(then["data_through"])
    days = (view.issue.data_through - before).days
    said = [f"Figures of {days} more {'day' if days == 1 else 'days'} are known."] if days else []
    if then["model"] != view.entry.title:
        said.append(f"Another model is served: {view.entry.title}.")
    try:
        found = compared.changes(desk, view, then["issue_id"])
    except NoAnswer:
        return [*said, "What the last mail said of the same days was not kept to compare with."]
    for total in found["totals"][:1]:
        causes = ", ".join(
            f"{compared.CAUSE_NAMES.get(cause, cause)} {signed(total[cause])}"
            for cause in found["causes"]
        )
        said.append(
            f"For the same {total['days']} days, the mean went from {total['before']:,.0f} to "
            f"{total['after']:,.0f} {unit}: {causes}."
        )
    return said


def track_record(desk: IssueLoader) -> str:
    """How the forecasts of the past weeks did, in one line; live and replayed told apart."""
    live = _record(desk, "live", "Published forecasts")
    if live is None:
        replayed = _record(desk, "hindcast", "Replayed on the past (hindcast)")
        none_yet = "No published forecast has met all of its figures yet."
        return f"{none_yet} {replayed}" if replayed else none_yet
    return live


def _record(desk: IssueLoader, kind: str, name: str) -> str | None:
    found = record.track_record(desk, PEOPLE, _RECORD_WEEKS, kind=kind)
    week = next(row for row in found["rows"] if row["measure"] == "total_7")
    if not week["n"] or week["coverage80"] is None:
        return None
    text = (
        f"{name}, {found['window_weeks']} weeks to {long_day(found['to'])}: the "
        f"80 % range of a week held in {_share(week['coverage80'])} of cases (95 % confidence: "
        f"{_share(week['coverage80_lo'])} to {_share(week['coverage80_hi'])})"
    )
    gain = week["skill_climatology"]
    if gain is None:
        return f"{text}."
    side = "better" if gain >= 0 else "worse"
    return f"{text}; by CRPS {_share(abs(gain))} {side} than climatology."


def _share(number: float) -> str:
    return f"{100 * number:.0f} %"


def _sentence(previous: Edition, came: dict[str, int]) -> str:
    said = previous.content["headline"]
    forecast = (
        f"The mail of {previous.week} gave about {said['median']:,} {previous.content['unit']} "
        f"for {long_day(said['from'])} to {long_day(said['to'])}, "
        f"8 weeks in 10 between {said['lo80']:,} and {said['hi80']:,}"
    )
    total = sum(came.values())
    if not came:
        return f"{forecast}. No figure of these days is published yet."
    if len(came) < _DAYS:
        return f"{forecast}. {total:,} arrived on the {len(came)} of 7 days that are published."
    place = "above" if total > said["hi80"] else "below" if total < said["lo80"] else "within"
    return f"{forecast}. {total:,} arrived, {place} that range."
