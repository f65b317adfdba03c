"""Prune: what is older than the settings keep is deleted, and nothing else."""

from __future__ import annotations

__all__ = ["prune"]

import datetime as dt

from service.clock import utc_now
from service.context import Context
from service.jobs import gather
from service.jobs.record import Outcome, perform
from service.store import retention, runs


def prune(context: Context, period: str | None = None) -> Outcome:
    """Delete issues, rows of runs and raw bytes past the days that the settings keep them."""
    return perform(context, "prune", lambda _: _prune(context), period)


def _prune(context: Context) -> Outcome:
    settings, now = context.settings, utc_now()
    with context.database.writing() as connection:
        issues = retention.prune_issues(
            connection, now - dt.timedelta(days=settings.keep_issues_days)
        )
        rows = runs.prune(connection, now - dt.timedelta(days=settings.keep_runs_days))
    gather.prune(settings)
    detail = {"issues": issues, "runs": rows}
    return Outcome("done", f"{issues} issues and {rows} rows of runs deleted", detail)
