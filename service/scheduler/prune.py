"""Prune: delete issues, runs, weather forecasts, scores and raw documents no longer needed."""

__all__ = ["KEEP_RAW_DAYS", "prune"]

import datetime as dt
from collections.abc import Iterable

from service.core import request_store, run_store
from service.core.clock import utc_now
from service.core.context import Context
from service.core.database import Connection
from service.core.declared_series import Route
from service.core.job_runner import Outcome, run_job
from service.core.settings import Settings
from service.data import covariates, raw_documents, weather_store
from service.issues import issue_store, model_score_store

KEEP_RAW_DAYS = 90
"""Days to keep source documents in their original form."""
_WEEK = dt.timedelta(weeks=1)
_KEEP_RUNS = dt.timedelta(days=400)
_LABELS = {
    "issues": "issues",
    "weather": "forecasts of the weather",
    "scores": "scores of models",
    "runs": "rows of runs",
    "requests": "requests",
}


def prune(context: Context, period: str | None = None) -> Outcome:
    """Delete expired issues with the data that only they need, and expired runs."""
    return run_job(context, "prune", lambda _: _prune(context), period)


def _prune(context: Context) -> Outcome:
    settings, now = context.settings, utc_now()
    issues_before = now - dt.timedelta(days=settings.keep_issues_days)
    runs_before = now - _KEEP_RUNS
    with context.database.writing() as connection:
        detail = {"issues": issue_store.prune_issues(connection, issues_before)}
        scores_before = _needed_from(connection, settings, context.routes, issues_before)
        with_weather = [route for route in context.routes if route.weather_points]
        weather_before = _needed_from(connection, settings, with_weather, issues_before)
        weather_before = min(weather_before, issue_store.oldest_live(connection) or weather_before)
        detail |= {
            "weather": weather_store.prune_readings(
                connection, weather_before - covariates.LOOKBACK
            ),
            "scores": model_score_store.prune_scores(connection, scores_before.date()),
            "runs": run_store.prune_runs(connection, runs_before),
            "requests": request_store.prune_requests(connection, runs_before),
        }
    raw_documents.prune_documents(settings.var_dir, KEEP_RAW_DAYS, now)
    deleted = ", ".join(f"{detail[name]} {what}" for name, what in _LABELS.items())
    return Outcome("done", f"{deleted} deleted", detail)


def _needed_from(
    connection: Connection, settings: Settings, routes: Iterable[Route], issues_before: dt.datetime
) -> dt.datetime:
    """Return a moment before any that a comparison of `routes` may need.

    It is the earliest of any route: late figures move it back.
    """
    newest_origins = (
        model_score_store.get_newest_origin(connection, route.forecast) for route in routes
    )
    newest = min((one for one in newest_origins if one), default=None)
    if newest is None:
        return issues_before
    first = newest - (settings.champion_origins + 1) * _WEEK
    return min(issues_before, dt.datetime.combine(first, dt.time(), dt.UTC))
