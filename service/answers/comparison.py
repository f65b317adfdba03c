"""Past forecasts side by side, with the outcomes."""

__all__ = [
    "MOST_FORECASTS",
    "compare_days",
    "compare_forecasts",
    "list_models",
    "default_days",
    "view_of_day",
]

import datetime as dt
from collections.abc import Sequence
from typing import Any

from service.answers.bands import bands
from service.answers.errors import BadQuestion
from service.answers.figures import figures
from service.answers.issue_loader import IssueLoader, IssueView
from service.answers.issues import first_day, issue_id_of_day
from service.answers.totals import periods
from service.issues import issue_store

MOST_FORECASTS = 4  # for a readable chart
_HORIZON = 28
_LEVELS = (80,)
_PERIODS = ("next_7_days", "next_28_days")
_WEEKS_APART, _USUAL = 4, 3


def view_of_day(loader: IssueLoader, series_id: str, day: dt.date, model: str) -> IssueView:
    """Return one model's forecast as published on a day, found by `issue_id_of_day`."""
    return loader.view(series_id, issue_id_of_day(loader, series_id, day), model)


def compare_days(
    loader: IssueLoader, series_id: str, days: Sequence[dt.date], models: Sequence[str]
) -> dict[str, Any]:
    """Return the latest forecasts on `days`, or on the usual ones, as `compare_forecasts` does.

    `models` names one for each of `days`, or one for all. ``rows`` lists them one after another.
    """
    days = days or default_days(loader, series_id)
    if len(models) not in (1, len(days)):
        raise BadQuestion("models", f"one for all days or {len(days)}, one for each", len(models))
    each = models if len(models) == len(days) else [*models] * len(days)
    views = [view_of_day(loader, series_id, *one) for one in zip(days, each, strict=True)]
    comparison = compare_forecasts(loader, views)
    arrived = {day["date"]: day["value"] for day in comparison["days"]}
    rows = [
        {"issue_id": one["issue_id"], "model": one["model"]} | row | {"came": arrived[row["date"]]}
        for one in comparison["forecasts"]
        for row in one.pop("rows")
    ]
    return {"forecasts": comparison["forecasts"], "rows": rows}


def compare_forecasts(loader: IssueLoader, views: Sequence[IssueView]) -> dict[str, Any]:
    """Return forecasts of one series day by day and in total, with the outcomes.

    Each of ``forecasts`` has its first 28 days and two totals. ``days``, from the first to the last
    day of any, have ``value`` and ``median_1 lo80_1 hi80_1 median_2 …``, None where missing.
    """
    forecasts = [_forecast(view) for view in views]
    series_id = views[0].issue.series_id
    first = min(dt.date.fromisoformat(forecast["rows"][0]["date"]) for forecast in forecasts)
    last = max(dt.date.fromisoformat(forecast["rows"][-1]["date"]) for forecast in forecasts)
    arrived = {row["date"]: row["value"] for row in figures(loader, series_id, first, last)}
    by_day = [{row["date"]: row for row in forecast["rows"]} for forecast in forecasts]
    days = []
    for at in range((last - first).days + 1):
        date = (first + dt.timedelta(days=at)).isoformat()
        day: dict[str, Any] = {"date": date, "value": arrived.get(date)}
        for number, rows in enumerate(by_day, start=1):
            row = rows.get(date, {})
            day |= {f"{name}_{number}": row.get(name) for name in ("median", "lo80", "hi80")}
        days.append(day)
    for forecast in forecasts:
        for total in forecast["totals"]:
            came = [day["value"] for day in days if total["from"] <= day["date"] <= total["to"]]
            total["came"] = None if None in came else sum(came)
    return {"forecasts": forecasts, "days": days}


def list_models(loader: IssueLoader, series_id: str) -> dict[str, str]:
    """Return the titles of the latest forecast's models, by name."""
    issue = loader.view(series_id).issue
    with loader.context.database.reading() as connection:
        entries = issue_store.list_entries(connection, issue.issue_id)
    return {entry.model: entry.title for entry in entries}


def default_days(loader: IssueLoader, series_id: str) -> list[dt.date]:
    """Return days 4 weeks apart, newest first, whose forecasts can be compared with figures."""
    issue = loader.view(series_id).issue
    first = first_day(loader, series_id) or issue.origin
    step = dt.timedelta(weeks=_WEEKS_APART)
    days = [issue.data_through - step * number for number in range(1, _USUAL + 1)]
    return [day for day in days if day >= first] or [loader.route.day(issue.issued_at)]


def _forecast(view: IssueView) -> dict[str, Any]:
    ahead = view.ahead
    is_hindcast = view.issue.kind == "hindcast"
    names = ("time", "date", "median", "lo80", "hi80")
    rows = bands(ahead, min(_HORIZON, ahead.most), _LEVELS, view.declared)
    return {
        "issue_id": view.issue.issue_id,
        "kind": view.issue.kind,
        "made_on": str(view.issue.origin if is_hindcast else view.route.day(view.issue.issued_at)),
        "model": view.entry.model,
        "title": view.entry.title,
        "rows": [{name: row[name] for name in names} for row in rows],
        "totals": periods(view.observed, ahead, _PERIODS, _LEVELS),
    }
