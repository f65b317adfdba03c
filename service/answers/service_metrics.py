"""Metrics of the service, for monitoring."""

from __future__ import annotations

__all__ = ["JOBS", "Coverage", "NextWeek", "Vitals", "Watch"]

import datetime as dt
import threading
from collections.abc import Hashable
from dataclasses import dataclass

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
    *("ingest-other", "repeat"),  # out of turn
    *("renew", "renew-again", "read-weather", "tidy"),  # the times at which others run
)
"""Every job that may have runs."""
_LEVELS = (50, 80, 95)
_NONE_ENDED = {(job, outcome): 0 for job in JOBS for outcome in ("done", "failed")}


@dataclass(frozen=True)
class Coverage:
    """Share of outcomes within a prediction interval of the published forecasts."""

    series_id: str
    measure: str
    level: int
    ratio: float


@dataclass(frozen=True)
class NextWeek:
    """What the newest issue of a series says of the next seven days.

    Attributes
    ----------
    bounds : dict
        ``median lo50 hi50 ...`` of their total.
    chances : list of (days, threshold, chance)
        That some run of so many of them brings more than the declared threshold.
    """

    bounds: dict[str, int]
    chances: list[tuple[int, int, float]]


@dataclass(frozen=True)
class Vitals:
    """Metrics of the service at one moment.

    Attributes
    ----------
    reasons : list of str
        Names, each once, though both series may have it with details of their own.
    issued_at, data_through : dict
        Of the newest issue of each series.
    scored : dict
        Of each series, the issues of the last 26 weeks that have a score.
    coverage : list of Coverage
        Of the same issues, as the track record has it; empty until one is scored.
    last_done : dict
        When each job was done last.
    runs_ended : dict
        How many runs of each job ended with each outcome; 0 too, as an increase can be told
        only of what was there before.
    has_scheduler : bool
        Whether a process holds the scheduler's lock.
    next_week : dict
        Of each series whose newest issue reaches so far.
    """

    status: str
    reasons: list[str]
    issued_at: dict[str, dt.datetime]
    data_through: dict[str, dt.date]
    scored: dict[str, int]
    coverage: list[Coverage]
    last_done: dict[str, dt.datetime]
    runs_ended: dict[tuple[str, str], int]
    has_scheduler: bool
    next_week: dict[str, NextWeek]


class Watch:
    """Collect the metrics; expensive ones are recomputed only after new scores."""

    def __init__(self, loader: IssueLoader) -> None:
        self._loader = loader
        self._lock = threading.Lock()
        self._mark: Hashable = None
        self._record: tuple[dict[str, int], list[Coverage]] = ({}, [])

    def take(self) -> Vitals:
        """Return the current metrics.

        Raises
        ------
        Unavailable
            If the database is not available.
        """
        current, forecast = status(self._loader), self._loader.route.forecast
        with self._loader.context.database.reading() as connection:
            issues = (issue_store.get_latest_issue(connection, name) for name in forecast)
            newest = [issue for issue in issues if issue is not None]
            last_done = service_metrics_store.last_done(connection)
            runs_ended = _NONE_ENDED | service_metrics_store.runs_ended(connection)
            has_scheduler = locks.is_held(connection, locks.SCHEDULER)
            mark = service_metrics_store.scores_mark(connection)
        scored, coverage = self._scores(mark)
        return Vitals(
            status=current["status"],
            reasons=list(dict.fromkeys(reason["name"] for reason in current["reasons"])),
            issued_at={issue.series_id: issue.issued_at for issue in newest},
            data_through={issue.series_id: issue.data_through for issue in newest},
            scored=scored,
            coverage=coverage,
            last_done=last_done,
            runs_ended=runs_ended,
            has_scheduler=has_scheduler,
            next_week=self._next_week(),
        )

    def _next_week(self) -> dict[str, NextWeek]:
        found = {}
        for series_id in self._loader.route.forecast:
            try:
                view = self._loader.view(series_id)
                (row,) = totals.periods(view.observed, view.ahead, ("next_7_days",), _LEVELS)
                thresholds = ((1, view.declared.day_threshold), (7, view.declared.week_threshold))
                chances = [
                    (days, threshold, gauges.chance(view, threshold, days, 7)["value"])
                    for days, threshold in thresholds
                ]
            except NoAnswer:  # nothing is published, or the newest issue does not reach so far
                continue
            bounds = {name: row[name] for name in ("median", *bound_names(_LEVELS))}
            found[series_id] = NextWeek(bounds, chances)
        return found

    def _scores(self, mark: Hashable) -> tuple[dict[str, int], list[Coverage]]:
        with self._lock:
            if mark != self._mark:
                forecast = self._loader.route.forecast
                records = {
                    series_id: track_record(self._loader, series_id) for series_id in forecast
                }
                self._record = (
                    {series_id: record["issues"] for series_id, record in records.items()},
                    [
                        Coverage(series_id, row["measure"], level, row[f"coverage{level}"])
                        for series_id, record in records.items()
                        for row in record["rows"]
                        for level in DAY_LEVELS
                        if row[f"coverage{level}"] is not None
                    ],
                )
                self._mark = mark
            return self._record
