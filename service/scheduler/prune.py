"""Prune: delete issues, runs, scores and raw documents no longer needed."""

__all__ = ["KEEP_RAW_DAYS", "prune"]

import datetime as dt

from service.core import request_store, run_store
from service.core.clock import utc_now
from service.core.context import Context
from service.core.job_runner import Outcome, run_job
from service.data import document_store
from service.issues import issue_store, model_score_store

KEEP_RAW_DAYS = 90
"""Days to keep source documents in their original form."""
_KEEP_RUNS = dt.timedelta(days=400)


def prune(context: Context, period: str | None = None) -> Outcome:
    """Delete expired issues with the data that only they need, and expired runs."""
    return run_job(context, "prune", lambda _: _prune(context), period)


def _prune(context: Context) -> Outcome:
    settings, now = context.settings, utc_now()
    issues_before = now - dt.timedelta(days=settings.keep_issues_days)
    runs_before = now - _KEEP_RUNS
    with context.database.writing() as connection:
        detail = {
            "issues": issue_store.prune_issues(connection, issues_before),
            "scores": model_score_store.prune_scores(connection, issues_before),
            "runs": run_store.prune_runs(connection, runs_before),
            "requests": request_store.prune_requests(connection, runs_before),
        }
    document_store.prune_raw_documents(settings.var_dir, KEEP_RAW_DAYS, now)
    deleted = ", ".join(f"{name}: {number}" for name, number in detail.items())
    return Outcome("done", f"deleted {deleted}", detail)
