"""Replay: hindcasts of the weeks before the first start, for an initial track record."""

from __future__ import annotations

__all__ = ["ORIGINS", "replay"]

import datetime as dt

from forecast.series import as_date
from service.core import run_store
from service.core.clock import utc_now
from service.core.context import Context
from service.core.database import Connection
from service.core.job_runner import JobError, Outcome, perform
from service.core.run_store import Claim
from service.data import observation_store
from service.issues import hindcast, issue_store
from service.issues.score import score_issues

ORIGINS = 26
"""Weekly origins, as many as the track record covers."""

_WEEK = dt.timedelta(weeks=1)
_NOTHING = Outcome("skipped", "no week is to be replayed")


def replay(context: Context) -> Outcome:
    """Make and score the missing hindcasts, latest week first.

    Starts once the source has been read, or has not answered, and a forecast is published. Missing
    origins are determined each time, so that it resumes after an interruption. Each origin is its
    own run, and one that has ended is not retried.

    An installation older than these weeks has its own record.
    """
    with context.database.reading() as connection:
        days = _days(context, connection)
        left = [day for day in days if _is_open(context, connection, day)]
    done = len(days) - len(left)
    replayed = sum(_one(context, day, place) for place, day in enumerate(left, done + 1))
    if not left:
        return _NOTHING
    return Outcome("done", f"{replayed} of {len(left)} weeks before the first start replayed")


def _one(context: Context, day: dt.date, place: int) -> bool:
    """Make and score the hindcasts of one day; return whether they now exist."""

    def work(run: Claim) -> Outcome:
        end = hindcast.make(context, run, day, assume_known=True)
        score_issues(context, day)
        prefix = f"week {place} of {ORIGINS} before the first start, from {day}"
        if end in ("made", "there"):
            return Outcome("done", f"{prefix}, replayed", {"made": int(end == "made")})
        reason = "its figures were not known" if end == "unknown" else "no model could be fitted"
        return Outcome("skipped", f"{prefix}, not replayed: {reason}")

    try:
        return perform(context, "hindcast", work, _period(day)).outcome == "done"
    except JobError:  # its row has the reason; the other weeks are not affected
        return False


def _days(context: Context, connection: Connection) -> list[dt.date]:
    """Return the origins, Sundays a full week before the last figure or first start, last first."""
    first = issue_store.get_first_issue(connection, context.route.leading)
    if first is None or utc_now() - first.issued_at > ORIGINS * _WEEK:
        return []
    if not run_store.ended(connection, "ingest", context.settings.source, context.route.name):
        return []
    figures = observation_store.series(connection, context.route.leading)
    assert figures is not None  # the issue was made from them
    last = min(as_date(figures.data_through), context.route.day(first.issued_at)) - _WEEK
    sunday = last - dt.timedelta(days=(last.weekday() + 1) % 7)
    days = (sunday - week * _WEEK for week in range(ORIGINS))
    return [day for day in days if day > as_date(figures.start)]


def _is_open(context: Context, connection: Connection, day: dt.date) -> bool:
    run = run_store.find(connection, "hindcast", _period(day), context.route.name)
    return run is None or run.outcome == "stopped"


def _period(day: dt.date) -> str:
    return f"first start {day}"
