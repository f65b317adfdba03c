"""Retry failed refits with back-off; a broken file may have been repaired meanwhile."""

from __future__ import annotations

__all__ = ["refit_again"]

import contextlib
import datetime as dt
from itertools import takewhile

from service.core import run_store
from service.core.clock import instant, utc_now
from service.core.context import Context
from service.core.database import DatabaseError
from service.core.job_runner import JobError
from service.issues.refit import refit
from service.scheduler.reread import pause


def refit_again(context: Context, now: dt.datetime | None = None) -> None:
    """Refit if the last refits failed and their back-off is over."""
    now, route = now or utc_now(), context.route.name
    with contextlib.suppress(JobError, DatabaseError):  # the reason is logged and stored
        with context.database.reading() as connection:
            is_under_way = any(
                run.outcome == "running" for run in run_store.recent(connection, "refit", route)[:1]
            )
            refits = run_store.ended(connection, "refit", route=route)
        failed = list(takewhile(lambda run: run.outcome == "failed", refits))
        if is_under_way or not failed:
            return
        ended = failed[0].finished_at or failed[0].started_at
        # A run that ended in the future was recorded before the clock was set back.
        if not ended <= now < ended + pause(len(failed)):
            refit(context, period=f"refit again {instant(now)}")
