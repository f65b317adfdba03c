"""Retry what failed, with back-off: sources that did not answer, and refits."""

from __future__ import annotations

__all__ = ["pause", "refit_again", "reread"]

import contextlib
import datetime as dt
from itertools import takewhile

from service.core import run_store
from service.core.clock import instant, utc_now
from service.core.context import Context
from service.core.database import DatabaseError
from service.core.job_runner import JobError, perform
from service.core.run_store import Run
from service.data.ingest import ingest
from service.issues.daily_pipeline import renew
from service.issues.refit import refit
from service.scheduler.schedule import schedule

_FIRST, _LONGEST = dt.timedelta(minutes=5), dt.timedelta(hours=3)
_JOB = "renew-again"


def pause(failures: int) -> dt.timedelta:
    """Return the back-off after consecutive failures."""
    return min(_FIRST * (1 << min(failures - 1, 10)), _LONGEST)


def reread(context: Context, started_at: dt.datetime, now: dt.datetime | None = None) -> None:
    """Run the cycle if the last read failed and its back-off is over, or there was no read.

    Failures before `started_at`, the start of this process, cause no back-off.
    """
    now = now or utc_now()
    if not any(item.name == _JOB for item in schedule(context.settings, context.route)):
        return  # only embedded figures, or read only by hand
    with contextlib.suppress(JobError, DatabaseError):  # the reason is logged and stored
        failed = _failures(context, "ingest", context.settings.source)
        if failed is None:
            return
        if failed and failed[0].started_at >= started_at and _is_too_soon(failed, now):
            return
        period = f"{_JOB} again {instant(now)}"
        ingest(context, period=period)  # first and alone, so that a failure is one log line
        perform(context, _JOB, lambda _: renew(context, period), period)


def refit_again(context: Context, now: dt.datetime | None = None) -> None:
    """Refit if the last refits failed and their back-off is over: a file may be repaired."""
    now = now or utc_now()
    with contextlib.suppress(JobError, DatabaseError):  # the reason is logged and stored
        failed = _failures(context, "refit")
        if failed and not _is_too_soon(failed, now):
            refit(context, period=f"refit again {instant(now)}")


def _failures(context: Context, job: str, source: str | None = None) -> list[Run] | None:
    """Return the last runs that failed in a row; None if one is running or the last succeeded."""
    with context.database.reading() as connection:
        recent = run_store.recent(connection, job, context.route.name)
        ended = run_store.ended(connection, job, source, context.route.name)
    failed = list(takewhile(lambda run: run.outcome == "failed", ended))
    is_under_way = any(run.outcome == "running" for run in recent[:1])
    return None if is_under_way or (ended and not failed) else failed


def _is_too_soon(failed: list[Run], now: dt.datetime) -> bool:
    ended = failed[0].finished_at or failed[0].started_at
    # A run that ended in the future was recorded before the clock was set back.
    return ended <= now < ended + pause(len(failed))
