"""Retry sources that did not answer, with back-off."""

from __future__ import annotations

__all__ = ["pause", "reread"]

import contextlib
import datetime as dt
from itertools import takewhile

from service.core import run_store
from service.core.clock import instant, utc_now
from service.core.context import Context
from service.core.database import DatabaseError
from service.core.job_runner import JobError, perform
from service.data.ingest import ingest
from service.issues.daily_pipeline import renew
from service.scheduler.schedule import schedule

_FIRST, _LONGEST = dt.timedelta(minutes=5), dt.timedelta(hours=3)
_JOB = "renew-again"


def pause(failures: int) -> dt.timedelta:
    """Return the back-off after consecutive failed reads."""
    return min(_FIRST * (1 << min(failures - 1, 10)), _LONGEST)


def reread(context: Context, started_at: dt.datetime, now: dt.datetime | None = None) -> None:
    """Run the cycle if the last read failed and its back-off is over, or there was no read.

    Parameters
    ----------
    started_at : datetime
        When this process started; earlier failures cause no back-off.
    """
    now, route = now or utc_now(), context.route.name
    if not any(item.name == _JOB for item in schedule(context.settings, context.route)):
        return  # only embedded figures, or read only by hand
    with contextlib.suppress(JobError, DatabaseError):  # the reason is logged and stored
        with context.database.reading() as connection:
            readings = run_store.ended(connection, "ingest", context.settings.source, route)
            is_under_way = any(
                run.outcome == "running"
                for run in run_store.recent(connection, "ingest", route)[:1]
            )
        failed = list(takewhile(lambda run: run.outcome == "failed", readings))
        if is_under_way or (readings and not failed):
            return
        if failed and failed[0].started_at >= started_at:
            ended = failed[0].finished_at or failed[0].started_at
            # A run that ended in the future was recorded before the clock was set back.
            if ended <= now < ended + pause(len(failed)):
                return
        period = f"{_JOB} again {instant(now)}"
        ingest(context, period=period)  # first and alone, so that a failure is one log line
        perform(context, _JOB, lambda _: renew(context, period), period)
