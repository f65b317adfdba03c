"""The page at ``/``: what is coming, in one sentence, one chart and one table."""

from __future__ import annotations

__all__ = ["blueprint"]

import datetime as dt
import hashlib

from flask import Blueprint, Response, current_app, make_response, render_template, request

from forecast.joint import SERIES
from service.answers.bands import bands
from service.answers.briefing import briefing
from service.answers.desk import Desk
from service.answers.errors import NotFound, NotReady
from service.answers.figures import figures
from service.answers.headline import headline
from service.answers.totals import PERIODS, periods
from service.clock import LONDON
from service.dashboard.chart import fan_chart
from service.sources.figures import ATTRIBUTION

blueprint = Blueprint(
    "dashboard",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/static",
)

_PAST_DAYS, _HORIZON = 60, 28
_LEVELS = (50, 80, 95)
_PERIOD_NAMES = {
    "next_7_days": "Next 7 days",
    "next_28_days": "Next 28 days",
    "this_week": "Week of the first day ahead",
    "next_week": "Week after",
    "this_month": "Month",
    "next_month": "Month after",
    "this_quarter": "Quarter",
    "year_to_date": "Year to yesterday",
    "calendar_year": "Calendar year",
}


@blueprint.get("/")
def now() -> Response:
    """Show one series' newest issue."""
    desk: Desk = current_app.extensions["desk"]
    series_id = request.args.get("series", SERIES[0])
    if series_id not in SERIES:
        raise NotFound(f"expected a series of {', '.join(SERIES)}, found {series_id!r}")
    try:
        view = desk.view(series_id)
    except NotReady as reason:
        waiting = make_response(render_template("waiting.html", reason=reason), 503)
        waiting.headers["Retry-After"] = "10"
        return waiting
    last = view.issue.data_through
    first = last - dt.timedelta(days=_PAST_DAYS - 1)
    past = figures(desk, series_id, first, last, view.issue.as_of)
    days = bands(view.paths, _HORIZON, _LEVELS)
    page = render_template(
        "now.html",
        view=view,
        series=SERIES,
        headline=headline(view),
        briefing=briefing(desk, series_id, view.issue.as_of),
        chart=fan_chart(past, days, view.known.unit),
        days=days,
        totals=periods(view.known, view.paths, view.moment, PERIODS, _LEVELS),
        period_names=_PERIOD_NAMES,
        attribution=ATTRIBUTION,
        london=LONDON,
    )
    answer = make_response(page)
    answer.headers["Cache-Control"] = "no-cache"
    answer.set_etag(hashlib.sha256(page.encode()).hexdigest()[:32])
    answer.make_conditional(request)
    return answer
