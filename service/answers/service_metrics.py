"""Metrics of the service, for monitoring."""

__all__ = ["JOBS", "Values", "service_metrics"]

import datetime as dt
from contextlib import suppress
from typing import Any

from forecast.evaluation import DAY_LEVELS
from forecast.paths import bound_names
from service.answers import totals
from service.answers.errors import NoAnswer
from service.answers.exceedance import chance
from service.answers.issue_loader import IssueLoader
from service.answers.status import SEVERITY, STATUS_JOBS, status
from service.answers.track_record import track_record
from service.core import service_metrics_store

JOBS = (
    *STATUS_JOBS,
    *("ingest-other", "repeat"),  # run on request
    *("renew", "renew-again", "read-weather", "tidy"),  # schedule entries that run other jobs
)
"""Every job that may have runs."""
_LEVELS = (50, 80, 95)
# All have a value from the start, so that the first increase shows.
_ENDED = [(job, outcome) for job in JOBS for outcome in ("done", "failed")]

Values = dict[tuple[str, ...], float]
"""The values of a metric by its labels."""


def service_metrics(loader: IssueLoader) -> dict[str, Values]:
    """Return the current values of each metric; `service.api.metrics` describes them."""
    current = status(loader)
    series = {name: one for one in loader.each_route() for name in one.route.forecast}
    served = [route.name for route in loader.context.routes]  # others no longer run jobs
    with loader.context.database.reading() as connection:
        ended = service_metrics_store.get_ended_runs(connection)
        runs: Values = {(route, *labels): 0 for route in served for labels in _ENDED}
        runs.update((labels, number) for labels, (number, _) in ended.items())
        mark = service_metrics_store.get_scores_token(connection)
    records: list[dict[str, Any]] = loader.compute_once(
        ("records", mark), lambda: [track_record(one, name) for name, one in series.items()]
    )
    weeks: Values = {}
    chances: Values = {}
    for name, one in series.items():
        with suppress(NoAnswer):  # nothing is published, or the newest issue ends within the week
            view = one.view(name)
            (row,) = totals.periods(view.observed, view.ahead, ("next_7_days",), _LEVELS)
            weeks |= {(name, of): row[of] for of in ("median", *bound_names(_LEVELS))}
            declared = view.declared
            for days, threshold in ((1, declared.day_threshold), (7, declared.week_threshold)):
                value = chance(view, threshold, days, 7)["value"]
                chances[name, str(days), str(threshold)] = value
    return {
        "service_status": {(name,): float(name == current["status"]) for name in SEVERITY},
        # Each name once, even if two series give different details.
        "service_status_reason": {(reason["name"],): 1 for reason in current["reasons"]},
        "forecast_issued_timestamp_seconds": {
            (row["series_id"],): _timestamp(row["issued_at"]) for row in current["series"]
        },
        "data_through_timestamp_seconds": {
            (row["series_id"],): _timestamp(f"{row['data_through']}T00:00Z")
            for row in current["series"]
            if not series[row["series_id"]].route.is_closed
        },
        "forecast_next_week": weeks,
        "forecast_threshold_probability": chances,
        "forecast_scored_issues": {(row["series_id"],): row["issues"] for row in records},
        "forecast_interval_coverage_ratio": {
            (record["series_id"], row["measure"], str(level)): row[f"coverage{level}"]
            for record in records
            for row in record["rows"]
            for level in DAY_LEVELS
            if row[f"coverage{level}"] is not None
        },
        "job_last_success_timestamp_seconds": {
            (route, job): last.timestamp()
            for (route, job, outcome), (_, last) in ended.items()
            if outcome == "done" and route in served
        },
        "scheduler_running": {(): float(current["scheduler_running"])},
        "job_runs": runs,
    }


def _timestamp(moment: str) -> float:
    return dt.datetime.fromisoformat(moment).timestamp()
