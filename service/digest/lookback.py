"""What the last mail said, held against what came since; said plainly when there was none."""

from __future__ import annotations

__all__ = ["changes", "last_week", "track_record"]

import datetime as dt
from typing import Any

from forecast.joint import PEOPLE
from service.answers.desk import Desk, View
from service.answers.figures import figures
from service.answers.headline import headline
from service.store.deliveries import Edition

_DAYS = 7


def last_week(desk: Desk, previous: Edition | None) -> dict[str, Any]:
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


def changes(view: View, previous: Edition | None) -> list[str]:
    """What is different from the mail before, a sentence each."""
    if previous is None:
        return ["This is the first mail: there is nothing to compare it with."]
    was, now = previous.content["headline"], headline(view)
    if previous.content["issue_id"] == view.issue.issue_id:
        return ["No new figures have come since the last mail: the forecast is the same."]
    sentence = (
        f"The next seven days: about {now['median']:,} {view.known.unit}; the mail of "
        f"{previous.week} gave about {was['median']:,} for the seven days of its own."
    )
    said = [sentence]
    if previous.content["model"] != view.entry.title:
        said.append(f"Another model is served: {view.entry.title}.")
    before = dt.date.fromisoformat(previous.content["data_through"])
    if new := (view.issue.data_through - before).days:
        said.append(f"Figures of {new} more {'day' if new == 1 else 'days'} are known.")
    return said


def track_record(desk: Desk) -> str:  # noqa: ARG001
    """How the forecasts of the past weeks did, in one line."""
    return "Not enough published forecasts have met their figures yet for a record."


def _sentence(previous: Edition, came: dict[str, int]) -> str:
    said = previous.content["headline"]
    forecast = (
        f"The mail of {previous.week} gave about {said['median']:,} {previous.content['unit']} "
        f"for {_day(said['from'])} to {_day(said['to'])}, "
        f"8 weeks in 10 between {said['lo80']:,} and {said['hi80']:,}"
    )
    total = sum(came.values())
    if not came:
        return f"{forecast}. No figure of these days is published yet."
    if len(came) < _DAYS:
        return f"{forecast}. {total:,} arrived on the {len(came)} of 7 days that are published."
    place = "within" if said["lo80"] <= total <= said["hi80"] else "outside"
    return f"{forecast}. {total:,} arrived, {place} that range."


def _day(text: str) -> str:
    day = dt.date.fromisoformat(text)
    return f"{day.day} {day:%B}"
