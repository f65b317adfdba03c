"""Content of a weekly email, taken from the answers, as plain JSON."""

from __future__ import annotations

__all__ = ["gather", "iso_week", "monday", "shown"]

import contextlib
import datetime as dt
import re
from typing import Any

from service.answers.alarms import record_alarms
from service.answers.bands import bands
from service.answers.briefing import briefing_of
from service.answers.errors import BadQuestion
from service.answers.figures import last_of
from service.answers.headline import headline
from service.answers.issue_loader import IssueLoader, IssueView
from service.answers.totals import periods
from service.answers.weather import used
from service.answers.wording import likelihoods
from service.core.clock import instant
from service.core.declared_series import Route
from service.data.daily_weather import ATTRIBUTION
from service.mail.delivery_store import Edition
from service.mail.lookback import changes, last_week, track_record

_PAST_DAYS, _HORIZON = 28, 28
_LEVELS = (50, 80, 95)
_PERIODS = ("next_7_days", "next_28_days", "this_month", "calendar_year")
_WEEK = re.compile(r"\d{4}-W\d{2}", re.ASCII)


def iso_week(route: Route, moment: dt.datetime) -> str:
    """Return the ISO week of the day of `moment`, such as ``2026-W02``."""
    year, week, _ = route.day(moment).isocalendar()
    return f"{year}-W{week:02}"


def monday(week: str) -> dt.date:
    """Return the first day of an ISO week."""
    with contextlib.suppress(ValueError):
        if _WEEK.fullmatch(week):
            return dt.date.fromisoformat(week)
    raise BadQuestion("week", "an ISO week such as 2026-W02", week)


def gather(
    loader: IssueLoader,
    week: str,
    previous: Edition | None = None,
    as_of: dt.datetime | None = None,
) -> Edition:
    """Collect the content of the email from the newest issue, now or at `as_of`.

    The forecast of the `previous` email is compared with the outcome.
    """
    now = loader.clock()
    view = loader.view(loader.route.leading, as_of=as_of)
    before = view.ahead.since(_PAST_DAYS)
    waiting = view.ahead.skipped - before.skipped
    view.ahead.end(_HORIZON)  # raises with the possible horizon
    days = bands(before, waiting + _HORIZON, _LEVELS, view.declared)
    content: dict[str, Any] = {
        "week": week,
        "made_at": instant(now),
        "model": view.entry.title,
        "alarms": [alarm["detail"] for alarm in record_alarms(loader)],
        "headline": headline(loader, view),
        "followers": _followers(loader, view),
        "briefing": briefing_of(loader, view)["sentence"],
        "past": last_of(view, _PAST_DAYS),
        "waiting": days[:waiting],
        "days": days[waiting:],
        "likelihoods": likelihoods(view.declared),
        "totals": periods(view.observed, view.ahead, _PERIODS, (80, 95)),
        "last_week": last_week(loader, previous),
        "changes": changes(loader, view, previous),
        "track_record": track_record(loader),
        **shown(loader, view),
    }
    return Edition(week, view.issue.issue_id, now, content, route=loader.route.name)


def shown(loader: IssueLoader, view: IssueView) -> dict[str, Any]:
    """Return what every email shows of the forecast, its state and its route."""
    route, issue = loader.route, view.issue
    with loader.context.database.reading() as connection:
        is_read = used(connection, issue)["status"] == "used"
    credit = route.attribution.rstrip(".") + "."  # more sentences follow
    return {
        "unit": view.declared.unit,
        "issue_id": issue.issue_id,
        "issued_at": instant(issue.issued_at),
        "data_through": issue.data_through.isoformat(),
        "status": view.state.status,
        "reasons": [reason.detail for reason in view.state.reasons],
        "title": route.forecast_title,
        "time_zone": route.time_zone,
        "time_name": route.time_name,
        "attribution": f"{credit} {ATTRIBUTION}" if is_read else credit,
    }


def _followers(loader: IssueLoader, view: IssueView) -> list[str]:
    """Return the unit and headline of each series drawn with the leading one."""
    sentences = []
    for series_id in loader.route.followers:
        issue_id = loader.beside(view.issue, series_id)
        if issue_id is not None:
            # By id alone, the view would start on the day after the figures.
            other = loader.view(series_id, issue_id, first=view.first)
            unit = other.declared.unit.capitalize()
            sentences.append(f"{unit}. {headline(loader, other)['sentence']}")
    return sentences
