"""Data freshness, problems and job status."""

__all__ = ["SEVERITY", "STATUS_JOBS", "age", "catalogue", "published_series", "status"]

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from forecast.series import as_date
from service.answers.alarms import alarms
from service.answers.issue_loader import IssueLoader, IssueView
from service.answers.state import Reason, State
from service.core import locks, run_store
from service.core.clock import format_instant
from service.core.database import Connection
from service.data import document_store, observation_store, weather_store
from service.data.covariates import why_no_weather
from service.data.daily_weather import ATTRIBUTION
from service.issues import issue_store
from service.issues.issue_store import Issue

SEVERITY = ("fresh", "stale", "degraded")  # the worst last
STATUS_JOBS = tuple(
    "ingest weather refit compare score confirmations digest warn prune hindcast".split()
)


def catalogue(loader: IssueLoader) -> list[dict[str, Any]]:
    """Return one row per series of every enabled route."""
    rows = []
    for one in loader.each_route():
        with loader.context.database.reading() as connection:
            of_route = [_series(one, connection, name) for name in one.route.stored]
        rows += [row | one.latest_state(row["series_id"]).to_dict() for row in of_route]
    return rows


def status(loader: IssueLoader) -> dict[str, Any]:
    """Return the worst state of any series, alarms, dates and models of each series, and runs."""
    now = loader.clock()
    series, states, routes, jobs = [], list[tuple[str, State]](), [], []
    with loader.context.database.reading() as connection:
        for one in loader.each_route():
            route = one.route
            newest = {
                name: issue_store.get_latest_issue(connection, name) for name in route.forecast
            }
            for name, issue in newest.items():
                state = one.state(connection, name, now)
                if issue:
                    series.append(_issue(one, connection, issue, state, now))
                if issue or not any(newest.values()):
                    states.append((route.name, state))
            weather = _weather(one, connection)
            routes.append({"route": route.name, "title": route.title, "weather": weather})
            jobs += [_job(connection, job, route.name) for job in STATUS_JOBS]
        documents = [
            row
            | {"data_through": row["data_through"].isoformat()}
            | {name: _instant(row[name]) for name in ("published_at", "read_at")}
            for row in document_store.list_newest(connection)
        ]
        has_scheduler = locks.is_held(connection, locks.SCHEDULER)
    return {
        "status": max((state.status for _, state in states), key=SEVERITY.index),
        "reasons": [asdict(reason) for reason in _reasons(states)],
        "alarms": [alarm for one in loader.each_route() for alarm in alarms(one)],
        "now": format_instant(now),
        "series": series,
        "documents": documents,
        "routes": routes,
        "weather": routes[0]["weather"],
        "scheduler_running": has_scheduler,
        "jobs": jobs,
    }


def age(view: IssueView, now: dt.datetime) -> dict[str, Any]:
    """Return hours since the issue, days since the last figure, and the status as 0 or 1."""
    hours = (now - view.issue.issued_at).total_seconds() / 3600
    return {
        "time": format_instant(view.issue.issued_at),
        "hours_since_issue": round(max(hours, 0.0), 2),
        "days_since_figures": (view.route.day(now) - view.issue.data_through).days,
        "fresh": int(view.state.status == "fresh"),
        "degraded": int(view.state.status == "degraded"),
    }


def _reasons(states: Sequence[tuple[str, State]]) -> Iterator[Reason]:
    """Yield each reason once, naming its routes unless all of them have it."""
    about: dict[Reason, dict[str, None]] = {}
    for route, state in states:
        for reason in state.reasons:
            about.setdefault(reason, {})[route] = None
    routes = {route for route, _ in states}
    for reason, names in about.items():
        of = "" if routes == names.keys() else f"{', '.join(names)}: "
        yield replace(reason, detail=of + reason.detail)


def published_series(loader: IssueLoader) -> str | None:
    """Return the first series of any enabled route that has an issue, or None."""
    with loader.context.database.reading() as connection:
        names = (name for route in loader.context.routes for name in route.forecast)
        return next((n for n in names if issue_store.get_latest_issue(connection, n)), None)


def _series(loader: IssueLoader, connection: Connection, series_id: str) -> dict[str, Any]:
    declared, is_forecast = loader.route.series[series_id], series_id in loader.route.forecast
    figures = observation_store.get_series(connection, series_id) if is_forecast else None
    first, last = observation_store.get_span(connection, series_id) or (None, None)
    if figures is not None:  # days after a gap are stored but not used yet
        last = as_date(figures.data_through)
    issue = issue_store.get_latest_issue(connection, series_id)
    return {
        "route": loader.route.name,
        "series_id": series_id,
        "title": declared.title,
        "unit": declared.unit,
        "frequency": declared.frequency,
        "is_forecast": is_forecast,
        "data_from": str(first) if first else None,
        "data_through": str(last) if last else None,
        "latest_issue": issue.issue_id if issue else None,
        "attribution": loader.route.attribution,
        "licence": loader.route.licence,
    }


def _issue(
    loader: IssueLoader, connection: Connection, issue: Issue, state: State, now: dt.datetime
) -> dict[str, Any]:
    entries = issue_store.list_entries(connection, issue.issue_id)
    fitted = [asdict(entry) | {"failure": None} for entry in entries]
    failed = [
        {"model": name, "title": name, "role": None, "version": None, "failure": reason}
        for name, reason in issue.failures.items()
    ]
    return {
        "route": loader.route.name,
        "series_id": issue.series_id,
        "status": state.status,
        "data_through": issue.data_through.isoformat(),
        "figures_age_days": (loader.route.day(now) - issue.data_through).days,
        "issue_id": issue.issue_id,
        "issued_at": format_instant(issue.issued_at),
        "champion": issue.champion,
        "models": fitted + failed,
    }


def _weather(loader: IssueLoader, connection: Connection) -> dict[str, Any]:
    """Return the availability of weather, its last day and when it was first read."""
    read = None
    status, detail = "off", f"{why_no_weather(loader.context)}; forecasts do not use it"
    if loader.context.reads_weather:
        read = weather_store.get_last_read(connection, loader.route, "ensemble")
        status, detail = "read", ATTRIBUTION
        if read is None:
            status = "missing"
            detail = "no weather forecast has been read yet; forecasts do not use the weather"
    read_at, through = (format_instant(read[0]), read[1].isoformat()) if read else (None, None)
    return {"status": status, "detail": detail, "read_at": read_at, "through": through}


def _job(connection: Connection, job: str, route: str) -> dict[str, Any]:
    last = run_store.get_latest_run(connection, job, route=route)
    good = run_store.get_latest_run(connection, job, "done", route)
    return {
        "route": route,
        "job": job,
        "last_started_at": _instant(last.started_at if last else None),
        "last_outcome": last and last.outcome,
        "last_reason": last and last.reason,
        "last_notes": last.detail.get("notes", []) if last else [],
        "last_success_at": _instant(good.finished_at if good else None),
    }


def _instant(moment: dt.datetime | None) -> str | None:
    return format_instant(moment) if moment else None
