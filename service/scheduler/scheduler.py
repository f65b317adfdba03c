"""The scheduler: one process that runs the jobs at their times.

Web processes never schedule. Jobs are declared in code, not stored. One scheduler at a time holds
the scheduler's lock; another waits and takes over when that process ends. Each time of a job is a
row claimed before the work, so that missed times are caught up and those of dead processes are
claimed again.
"""

from __future__ import annotations

__all__ = ["build", "catch_up", "close_dead", "items", "run", "run_due"]

import datetime as dt
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from service.core import run_store
from service.core.clock import instant, utc_now
from service.core.context import Context
from service.core.database import Database, DatabaseError
from service.core.job_runner import JobError, Outcome, abandon, perform
from service.core.locks import SCHEDULER
from service.issues.replay import replay
from service.scheduler import request_worker
from service.scheduler.retry import refit_again, reread
from service.scheduler.schedule import Scheduled, schedule
from service.scheduler.wall_clock import ClockWatch, FromNow, every, keep_time

_GRACE_SECONDS = 6 * 3600
_NICENESS = 10
_LOOK_SECONDS = 15
LIGHT, HEAVY = "default", "fits"
_STANDBY = "another scheduler is at work: this one starts work when that one ends"
_Work = Callable[..., object]
_log = logging.getLogger(__name__)


def build(context: Context) -> BackgroundScheduler:
    """Create the scheduler with every job of the schedule."""
    routes_at_once = min(context.settings.workers, len(context.routes))
    scheduler = BackgroundScheduler(
        timezone=dt.UTC,
        # Fits take minutes; email, requests and dead-run checks do not wait for them. Fits of
        # several routes run as parallel processes.
        executors={LIGHT: ThreadPoolExecutor(1), HEAVY: ThreadPoolExecutor(routes_at_once)},
        # The default grace time is one second: a job two seconds late would be skipped silently.
        job_defaults={"misfire_grace_time": _GRACE_SECONDS, "coalesce": True, "max_instances": 1},
    )
    guarded = _OnlyWithLock(context.database)

    def add(work: _Work, trigger: Any, executor: str, *args: Any, **more: Any) -> None:
        scheduler.add_job(guarded, trigger, [work, *args], executor=executor, **more)

    for one, item in items(context):
        for number, trigger in enumerate(item.triggers):
            executor = HEAVY if item.fits else LIGHT
            name = f"{item.name}-{one.route.name}-{number}"
            add(run_due, FromNow(trigger), executor, one, item, id=name)
    now = {"next_run_time": dt.datetime.now(dt.UTC)}
    look, poll = every(_LOOK_SECONDS), every(request_worker.POLL_SECONDS)
    add(_look, look, LIGHT, context, id="look", **now)
    for one in context.each_route():
        add(_look_at_fits, look, HEAVY, one, time.monotonic(), id=f"look-{one.route.name}", **now)
    add(request_worker.take, poll, LIGHT, context, request_worker.LIGHT, id="requests", **now)
    add(
        request_worker.take, poll, HEAVY, context, request_worker.FITTING, id="requests-fits", **now
    )
    # Skipped polls are expected; do not log them. Missed jobs are logged below.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    scheduler.add_listener(_log_event, EVENT_JOB_MISSED | EVENT_JOB_ERROR)
    return scheduler


def run(context: Context) -> None:
    """Run the jobs at their times until the process is told to stop."""
    scheduler = build(context)
    os.nice(_NICENESS)  # readers come first
    # The handler only writes. An exception raised in it could be lost in a catch-all of the
    # library, and the process would never end.
    reading, writing = os.pipe()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os.write(writing, b"."))
    for one, item in items(context):
        fires = item.next_due(utc_now())
        at = instant(fires) if fires else "never"
        _log.info("%s of %s next at %s", item.name, one.route.name, at)
    threading.Thread(target=keep_time, args=(scheduler, ClockWatch()), daemon=True).start()
    scheduler.start()
    os.read(reading, 1)
    # Do not wait minutes for a running job: what it has stored is complete, and the next run stores
    # the rest.
    abandon(context)
    logging.shutdown()
    os._exit(0)


def items(context: Context) -> Iterator[tuple[Context, Scheduled]]:
    """Yield each route's jobs; the first route's include the shared ones."""
    return ((one, item) for one in context.each_route() for item in _items_of(one))


def _items_of(context: Context) -> Sequence[Scheduled]:
    return schedule(context.settings, context.route, context.route is context.routes[0])


class _OnlyWithLock:
    """Do work only while this process holds the scheduler's lock; log changes of the obstacle.

    Database errors in the work itself are debug messages: it is retried every few seconds, and an
    unavailable or read-only database is logged here.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = database.lock(SCHEDULER)
        self._obstacle = ""

    def __call__(self, work: _Work, *args: Any) -> None:
        try:
            obstacle = "" if self._database.hold(self._lock) else _STANDBY
        except DatabaseError as error:
            obstacle = f"the scheduler's lock could not be taken: {error}"
        if obstacle and obstacle != self._obstacle:
            _log.warning(obstacle)
        self._obstacle = obstacle
        if obstacle:
            return
        try:
            work(*args)
        except DatabaseError as error:
            _log.debug("%s: %s", getattr(work, "__name__", work), error)


def close_dead(context: Context) -> None:
    """Mark runs whose process has died as stopped."""
    with context.database.writing() as connection:
        closed = run_store.close_dead(connection, utc_now())
    for dead in closed:
        _log.warning("%s of %s is closed: its process has died", dead.job, dead.period)


def _look(context: Context) -> None:
    """Close dead runs and catch up the jobs of every route that fit no models."""
    close_dead(context)  # makes their unfinished work available again
    for one in context.each_route():
        catch_up(one, fits=False)


def _look_at_fits(context: Context, began: float) -> None:
    """Do all due work of a route that fits models; a failure does not affect the rest."""
    parts: tuple[Callable[[], object], ...] = (
        lambda: catch_up(context, fits=True),
        lambda: _reread(context, began),
        lambda: refit_again(context),
        lambda: replay(context),
    )
    for part in parts:
        try:
            part()
        except DatabaseError:
            raise
        except Exception:
            _log.exception("the look at %s broke", context.route.name)


def catch_up(context: Context, fits: bool) -> None:
    """Run the route's overdue jobs: those that fit models, or the others."""
    for item in _items_of(context):
        if item.is_recorded and item.fits == fits:
            run_due(context, item)


def _reread(context: Context, began: float) -> None:
    """Retry the source; `began` is the start of this process on a monotonic clock."""
    reread(context, utc_now() - dt.timedelta(seconds=time.monotonic() - began))


def run_due(context: Context, item: Scheduled, now: dt.datetime | None = None) -> None:
    """Run the latest due occurrence of `item`, unless it has been done; record a failure.

    If several were missed, only the latest is caught up.
    """
    now = now or utc_now()
    hours = context.settings.catch_up_hours
    # Jobs that track their own due work always run.
    due = item.last_due(now, now - dt.timedelta(hours=hours)) if item.is_recorded else now
    if due is None:
        return
    period = instant(due)
    try:
        if not item.is_recorded:
            item.work(context, period)
            return
        with context.database.reading() as connection:
            run = run_store.find(connection, item.name, period, context.route.name)
        # A stopped run is claimed again; a running or finished run is left alone.
        is_open = run.outcome == "stopped" if run else not item.is_over(due, now)
        if is_open and item.is_needed(context, due):
            perform(context, item.name, lambda _: _work(context, item, period), period)
    except (JobError, DatabaseError) as error:
        # Work prevented by the database is retried every few seconds.
        level = logging.DEBUG if isinstance(error, DatabaseError) else logging.WARNING
        _log.log(level, "%s did not succeed: %s", item.name, error)


def _work(context: Context, item: Scheduled, period: str) -> Outcome:
    return item.work(context, f"{item.name} {period}") or Outcome("done", item.about)


def _log_event(event: JobExecutionEvent) -> None:
    if event.code == EVENT_JOB_MISSED:
        _log.error("%s was missed at %s", event.job_id, event.scheduled_run_time)
    else:  # expected errors are handled earlier: this is a defect
        _log.error("%s broke: %r", event.job_id, event.exception)
