"""Metrics of the service, for monitoring."""

from __future__ import annotations

__all__ = ["JOBS", "Coverage", "NextWeek", "Vitals", "vitals"]

import datetime as dt
from dataclasses import dataclass
from typing import Any

from forecast.evaluation import DAY_LEVELS
from forecast.paths import bound_names
from service.answers import gauges, totals
from service.answers.errors import NoAnswer
from service.answers.issue_loader import IssueLoader
from service.answers.status import STATUS_JOBS, status
from service.answers.track_record import track_record
from service.core import locks, service_metrics_store
from service.issues import issue_store

JOBS = (
    *STATUS_JOBS,
    *("ingest-other", "repeat"),  # run on request
    *("renew", "renew-again", "read-weather", "tidy"),  # schedule entries that run other jobs
)
"""Every job that may have runs."""
_LEVELS = (50, 80, 95)
_ENDED = [(job, outcome) for job in JOBS for outcome in ("done", "failed")]


@dataclass(frozen=True)
class Coverage:
    """Share of outcomes within a prediction interval of the published forecasts."""

    series_id: str
    measure: str
    level: int
    ratio: float


@dataclass(frozen=True)
class NextWeek:
    """The newest issue's forecast of the next seven days."""

    bounds: dict[str, int]  # ``median lo50 hi50 …`` of the total
    chances: list[tuple[int, int, float]]  # days, declared threshold, P(some run exceeds it)


@dataclass(frozen=True)
class Vitals:
    """Metrics of the service at one moment, by series or job."""

    status: str
    reasons: list[str]  # unique names, even if two series share one
    issued_at: dict[str, dt.datetime]  # of the newest issue
    data_through: dict[str, dt.date]  # without closed sources
    scored: dict[str, int]  # issues of the last 26 weeks that have a score
    coverage: list[Coverage]  # of the same issues; empty until one is scored
    last_done: dict[tuple[str, str], dt.datetime]  # by route and job
    runs_ended: dict[tuple[str, str, str], int]  # by outcome; with zeros, so that increases show
    has_scheduler: bool  # whether a process holds the scheduler's lock
    next_week: dict[str, NextWeek]  # series whose newest issue covers it


def vitals(loader: IssueLoader) -> Vitals:
    """Return the current metrics; those of the track record change only with new scores."""
    current, routes = status(loader), loader.context.routes
    series = {name: one for one in loader.each_route() for name in one.route.forecast}
    with loader.context.database.reading() as connection:
        issues = (issue_store.get_latest_issue(connection, name) for name in series)
        newest = [issue for issue in issues if issue is not None]
        served = {route.name for route in routes}  # other routes no longer run jobs
        done = service_metrics_store.last_done(connection)
        last_done = {key: moment for key, moment in done.items() if key[0] in served}
        none_ended = {(route.name, *ended): 0 for route in routes for ended in _ENDED}
        runs_ended = none_ended | service_metrics_store.runs_ended(connection)
        has_scheduler = locks.is_held(connection, locks.SCHEDULER)
        mark = service_metrics_store.scores_mark(connection)
    records: list[dict[str, Any]] = loader.once(
        ("records",), lambda: [track_record(one, name) for name, one in series.items()], mark
    )
    return Vitals(
        status=current["status"],
        reasons=list(dict.fromkeys(reason["name"] for reason in current["reasons"])),
        issued_at={issue.series_id: issue.issued_at for issue in newest},
        data_through={
            issue.series_id: issue.data_through
            for issue in newest
            if not series[issue.series_id].route.is_closed
        },
        scored={record["series_id"]: record["issues"] for record in records},
        coverage=[
            Coverage(record["series_id"], row["measure"], level, row[f"coverage{level}"])
            for record in records
            for row in record["rows"]
            for level in DAY_LEVELS
            if row[f"coverage{level}"] is not None
        ],
        last_done=last_done,
        runs_ended=runs_ended,
        has_scheduler=has_scheduler,
        next_week={name: week for name, one in series.items() if (week := _next_week(one, name))},
    )


def _next_week(loader: IssueLoader, series_id: str) -> NextWeek | None:
    """Return None if nothing is published, or the newest issue does not cover the week."""
    try:
        view = loader.view(series_id)
        (row,) = totals.periods(view.observed, view.ahead, ("next_7_days",), _LEVELS)
        thresholds = ((1, view.declared.day_threshold), (7, view.declared.week_threshold))
        chances = [
            (days, threshold, gauges.chance(view, threshold, days, 7)["value"])
            for days, threshold in thresholds
        ]
    except NoAnswer:
        return None
    return NextWeek({name: row[name] for name in ("median", *bound_names(_LEVELS))}, chances)
