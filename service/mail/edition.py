"""Content of a weekly email, taken from the answers, as plain JSON.

It also compares the previous email's forecast with the outcome, and names the changes since then.
"""

__all__ = ["build_edition", "iso_week", "monday", "common_content"]

import contextlib
import datetime as dt
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from service.answers import changes, track_record
from service.answers.alarms import record_alarms
from service.answers.bands import bands
from service.answers.briefing import briefing_of
from service.answers.errors import BadQuestion, NoAnswer, NotPossible
from service.answers.figures import figures, last_figures
from service.answers.headline import headline, outcome
from service.answers.issue_loader import IssueLoader, IssueView
from service.answers.totals import periods
from service.answers.weather import weather_used
from service.answers.wording import (
    day_span,
    likelihoods,
    long_day,
    range_chance,
    signed,
    unit_of,
)
from service.core.clock import format_instant
from service.core.declared_series import Route
from service.data.daily_weather import ATTRIBUTION
from service.mail import delivery_store
from service.mail.delivery_store import Edition

_PAST_DAYS, _HORIZON = 28, 28
_WEEK_DAYS, _RECORD_WEEKS = 7, 26
_LEVELS = (50, 80, 95)
_PERIODS = ("next_7_days", "next_28_days", "this_month", "calendar_year")
_AFTERWARDS = "made afterwards from the figures up to then"


def iso_week(route: Route, moment: dt.datetime) -> str:
    """Return the ISO week of the day of `moment`, such as ``2026-W02``."""
    return f"{route.day(moment):%G-W%V}"


def monday(week: str) -> dt.date:
    """Return the first day of an ISO week."""
    with contextlib.suppress(ValueError):
        first = dt.date.fromisoformat(week)
        if f"{first:%G-W%V}" == week:
            return first
    raise BadQuestion("week", "an ISO week such as 2026-W02", week)


def build_edition(loader: IssueLoader, week: str, as_of: dt.datetime | None = None) -> Edition:
    """Collect the content of the email from the newest issue, now or at `as_of`.

    The forecast of the previous frozen email is compared with the outcome.
    """
    now = loader.clock()
    with loader.context.database.reading() as connection:
        previous = delivery_store.get_previous_edition(connection, week, loader.route.name)
    view = loader.view(loader.route.leading, as_of=as_of)
    before = view.ahead.since(_PAST_DAYS)
    waiting = view.ahead.skipped - before.skipped
    if view.ahead.most < _HORIZON:
        raise NotPossible(
            f"the weekly email needs a forecast of the next {_HORIZON} days; that of "
            f"{view.issue.issue_id} ends on {view.paths.end}"
        )
    days = bands(before, waiting + _HORIZON, _LEVELS, view.declared)
    content: dict[str, Any] = {
        "week": week,
        "made_at": format_instant(now),
        "model": view.entry.title,
        "alarms": [alarm["detail"] for alarm in record_alarms(loader)],
        "headline": headline(loader, view),
        "followers": _followers(loader, view),
        "briefing": briefing_of(loader, view)["sentence"],
        "past": last_figures(view, _PAST_DAYS),
        "waiting": days[:waiting],
        "days": days[waiting:],
        "likelihoods": likelihoods(view.declared),
        "totals": periods(view.observed, view.ahead, _PERIODS, (80, 95)),
        "last_week": _last_week(loader, previous),
        "changes": _changes(loader, view, previous),
        "track_record": _track_record(loader),
        **common_content(loader, view),
    }
    return Edition(week, view.issue.issue_id, now, content, route=loader.route.name)


def common_content(loader: IssueLoader, view: IssueView) -> dict[str, Any]:
    """Return what every email shows of the forecast, its state and its route."""
    route, issue = loader.route, view.issue
    with loader.context.database.reading() as connection:
        is_read = weather_used(connection, issue)["status"] == "used"
    return {
        "series_id": issue.series_id,
        "query": f"?{urlencode(loader.context.to_route)}".rstrip("?"),
        "unit": view.declared.unit,
        "unit_one": view.declared.unit_one,
        "issue_id": issue.issue_id,
        "issued_at": format_instant(issue.issued_at),
        "data_through": issue.data_through.isoformat(),
        "status": view.state.status,
        "reasons": [reason.detail for reason in view.state.reasons],
        "title": route.forecast_title,
        "route": route.title if len(loader.context.routes) > 1 else "",
        "time_zone": route.time_zone,
        "time_name": route.time_name,
        "attribution": f"{route.credit} {ATTRIBUTION}" if is_read else route.credit,
    }


def _followers(loader: IssueLoader, view: IssueView) -> list[str]:
    """Return the unit and headline of each series drawn with the leading one."""
    sentences = []
    for series_id in loader.route.followers:
        if other := loader.joint_view(view, series_id):
            unit = other.declared.unit.capitalize()
            sentences.append(f"{unit}. {headline(loader, other)['sentence']}")
    return sentences


def _last_week(loader: IssueLoader, previous: Edition | None) -> dict[str, Any]:
    """Compare the seven days of the previous email with the published figures.

    In its ``rows`` of ``date median lo80 hi80 came``, ``came`` is None if unpublished. Empty if
    the source has ended.
    """
    if loader.route.is_closed:
        return {"sentence": "", "rows": []}
    if previous is None:
        return {"sentence": _last_hindcast(loader), "rows": []}
    days = previous.content["days"][:_WEEK_DAYS]
    first, last = (dt.date.fromisoformat(days[at]["date"]) for at in (0, -1))
    published = figures(loader, loader.route.leading, first, last)
    arrivals = {row["date"]: row["value"] for row in published}
    rows = [
        {name: day[name] for name in ("date", "median", "lo80", "hi80")}
        | {"came": arrivals.get(day["date"])}
        for day in days
    ]
    forecast, came = previous.content["headline"], [*arrivals.values()]
    unit = unit_of(previous.content, forecast["median"])
    total = sum(came) if len(came) == _WEEK_DAYS else None
    sentence = _compare("The last email forecast", forecast, unit, outcome(came), total)
    return {"sentence": sentence, "rows": rows}


def _changes(loader: IssueLoader, view: IssueView, previous: Edition | None) -> list[str]:
    """Say how the forecast changed since the previous email, and why; nothing in the first."""
    if previous is None:
        return []
    before, unit = previous.content, view.declared.unit
    if before["issue_id"] == view.issue.issue_id:
        return ["There has been no new forecast since the last email."]
    try:
        comparison = changes.changes(loader, view, before["issue_id"])
    except NoAnswer:
        return ["There is no earlier forecast of these days to compare with."]
    sentences = []
    for total in comparison["totals"][:1]:
        causes = ", ".join(
            f"{changes.CAUSE_NAMES.get(cause, cause)} {signed(total[cause])}"
            for cause in comparison["causes"]
        )
        sentences.append(
            f"For the same {total['days']} days, the mean forecast was {total['before']:,.0f} and "
            f"is now {total['after']:,.0f} {unit}: {causes}."
        )
    return sentences


def _track_record(loader: IssueLoader) -> str:
    """Summarise the accuracy of past forecasts in one line; hindcasts are labelled."""
    live = _record(loader, "live", "Published forecasts")
    hindcasts = _record(loader, "hindcast", f"Hindcasts (forecasts {_AFTERWARDS})")
    return live or f"No published forecast has been scored yet. {hindcasts}".strip()


def _record(loader: IssueLoader, kind: str, name: str) -> str:
    scores = _scores(loader, kind)
    week = next(row for row in scores["rows"] if row["measure"] == "total_7")
    if not week["n"]:
        return ""
    inside, apart = track_record.count_inside(scores["weeks"])
    text = (
        f"{name}, {scores['window_weeks']} weeks to {long_day(scores['weeks'][-1]['to'])}: the "
        f"80% range was right for {inside} of {apart} separate weeks"
    )
    if week["skill_climatology"] is None:
        return f"{text}."
    side = track_record.compared_to_climatology(week)
    return f"{text}; the forecasts were {side} the average for the time of year (climatology)."


def _scores(loader: IssueLoader, kind: str) -> dict[str, Any]:
    return track_record.track_record(loader, loader.route.leading, _RECORD_WEEKS, kind=kind)


def _last_hindcast(loader: IssueLoader) -> str:
    """Say in a first email how the last hindcast of a week compared."""
    first = "This is the first email, so there is no earlier forecast to check."
    weeks = _scores(loader, "hindcast")["weeks"]
    if not weeks:
        return first
    week = weeks[-1]
    unit, total = loader.route.lead.unit_of(week["median"]), week["truth"]
    made = f"{first} A hindcast, a forecast {_AFTERWARDS}, was"
    return _compare(made, week, unit, f"{total:,} arrived", total)


def _compare(
    made: str, forecast: Mapping[str, Any], unit: str, came: str, total: int | None
) -> str:
    """Say what was forecast for a week, what `came`, and where its `total`, if known, lies."""
    lo80, hi80 = forecast["lo80"], forecast["hi80"]
    span = day_span(forecast["from"], forecast["to"])
    text = f"{made} {forecast['median']:,} {unit} for {span} ({range_chance(lo80, hi80)})"
    text += f". {came[0].upper()}{came[1:]}"
    if total is not None:
        side = "above" if total > hi80 else "below" if total < lo80 else "within"
        text += f", {side} that range"
    return f"{text}."
