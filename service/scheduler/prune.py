"""Prune: delete issues and raw documents no longer needed."""

__all__ = ["KEEP_RAW_DAYS", "prune"]

import datetime as dt

from service.core.clock import utc_now
from service.core.context import Context
from service.core.job_runner import Outcome, run_job
from service.data import document_store
from service.issues import issue_store

KEEP_RAW_DAYS = 90
"""Days to keep source documents in their original form."""


def prune(context: Context, period: str | None = None) -> Outcome:
    """Delete expired issues with the data that only they need, and old raw documents."""
    return run_job(context, "prune", lambda _: _prune(context), period)


def _prune(context: Context) -> Outcome:
    settings, now = context.settings, utc_now()
    before = now - dt.timedelta(days=settings.keep_issues_days)
    with context.database.writing() as connection:
        number = issue_store.prune_issues(connection, before)
    document_store.prune_raw_documents(settings.var_dir, KEEP_RAW_DAYS, now)
    return Outcome("done", f"deleted issues: {number}", {"issues": number})
