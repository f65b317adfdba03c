"""The scheduler: one process that runs the jobs at their times, and those requested over HTTP.

One scheduler at a time holds the scheduler's lock; another waits and takes over when that process
ends. Each time of a job is a row claimed before the work, so that missed times are caught up and
those of dead processes are claimed again. Failed reads and refits are tried again, with back-off.
"""

__all__ = [
    "catch_up",
    "close_dead",
    "scheduled_items",
    "back_off",
    "refit_again",
    "read_source_again",
    "run",
    "run_due",
    "run_next_request",
    "start",
]

import datetime as dt
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from itertools import takewhile

from service.core import run_store
from service.core.clock import format_instant, utc_now
from service.core.context import Context
from service.core.database import Database, DatabaseError
from service.core.job_runner import JobError, Outcome, run_job, stop_running_jobs
from service.core.locks import SCHEDULER, ProcessLock
from service.core.run_store import Claim, Run
from service.data.ingest import ingest
from service.issues.compare import compare
from service.issues.daily_pipeline import run_daily
from service.issues.hindcast import replay
from service.issues.refit import refit
from service.scheduler.schedule import Scheduled, schedule

_NICENESS = 10
_LOOK_SECONDS, _POLL_SECONDS = 15, 5
_CATCH_UP = dt.timedelta(hours=24)
_FIRST_PAUSE, _LONGEST_PAUSE = dt.timedelta(minutes=5), dt.timedelta(hours=3)
_RETRIED = "renew-again"
_STANDBY = "another scheduler is running: this one starts when it ends"
_WORK: dict[str, Callable[..., Outcome]] = {"ingest": ingest, "refit": refit, "compare": compare}
"""The jobs that can be requested."""

_Work = Callable[[], object]
_log = logging.getLogger(__name__)


def run(context: Context) -> None:
    """Run the jobs at their times until the process is told to stop."""
    os.nice(_NICENESS)  # readers come first
    # Waited for: an exception raised in a handler could be caught by what it interrupts.
    ends = {signal.SIGTERM, signal.SIGINT}
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as under nohup
        ends.add(signal.SIGHUP)
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    for one, item in scheduled_items(context):
        fires = item.next_due(utc_now())
        at = format_instant(fires) if fires else "never"
        _log.info("%s of %s next at %s", item.name, one.route.name, at)
    start(context, threading.Event())
    signal.sigwait(ends)
    for another in ends:  # would end the process before its runs are recorded as stopped
        signal.signal(another, signal.SIG_IGN)
    # Do not wait minutes for a running job: what it has stored is complete, and the next run stores
    # the rest.
    stop_running_jobs(context)
    logging.shutdown()
    os._exit(0)


def start(context: Context, stop: threading.Event) -> list[threading.Thread]:
    """Start the threads that look for due work until `stop` is set.

    Fits take minutes, so each route has a thread for them, `CROSSINGS_WORKERS` of which work at
    once. Email, requests for figures and dead runs do not wait for them.
    """
    only = _OnlyWithLock(context.database)
    started_at = utc_now()
    fits = threading.Semaphore(min(context.settings.workers, len(context.routes)))
    threads: list[threading.Thread] = []

    def repeat(
        name: str, seconds: float, turn: AbstractContextManager[object], *works: _Work
    ) -> None:
        def loop() -> None:
            while not stop.is_set():
                with turn:
                    only(*works)
                stop.wait(seconds)  # unlike a time of day, not affected by a clock that is set

        threads.append(threading.Thread(target=loop, name=name, daemon=True))
        threads[-1].start()

    routes = list(context.each_route())
    due = [partial(catch_up, one, fits=False) for one in routes]
    # Closing dead runs makes their unfinished work available again.
    repeat("look", _LOOK_SECONDS, nullcontext(), partial(close_dead, context), *due)
    for one in routes:
        works = (
            partial(catch_up, one, fits=True),
            partial(read_source_again, one, started_at),
            partial(refit_again, one),
            partial(replay, one),
        )
        repeat(f"fits of {one.route.name}", _LOOK_SECONDS, fits, *works)
    for jobs, turn in ((("ingest",), nullcontext()), (("refit", "compare"), fits)):
        work = partial(run_next_request, context, jobs)
        repeat(f"requests for {jobs[0]}", _POLL_SECONDS, turn, work)
    return threads


def scheduled_items(context: Context) -> Iterator[tuple[Context, Scheduled]]:
    """Yield each route's jobs; the first route's include the shared ones."""
    return ((one, item) for one in context.each_route() for item in _items_of(one))


def _items_of(context: Context) -> Sequence[Scheduled]:
    return schedule(context.settings, context.route, context.route is context.routes[0])


class _OnlyWithLock:
    """Do work only while this process holds the scheduler's lock; log changes of the obstacle.

    An error of one piece of work does not affect the next. Those of the database are debug
    messages, as the work is retried every few seconds.
    """

    def __init__(self, database: Database) -> None:
        self._lock = ProcessLock(database, SCHEDULER)
        self._guard = threading.Lock()  # several threads meet the same obstacle; one logs it
        self._obstacle = ""

    def __call__(self, *works: _Work) -> None:
        with self._guard:
            try:
                obstacle = "" if self._lock.acquire() else _STANDBY
            except DatabaseError as error:
                obstacle = f"the scheduler's lock could not be taken: {error}"
            if obstacle and obstacle != self._obstacle:
                _log.warning(obstacle)
            self._obstacle = obstacle
        if obstacle:
            return
        for work in works:
            try:
                work()
            except DatabaseError as error:
                _log.debug("%s: %s", threading.current_thread().name, error)
            except Exception:
                _log.exception("%s failed unexpectedly", threading.current_thread().name)


def close_dead(context: Context) -> None:
    """Mark runs whose process has died as stopped."""
    with context.database.writing() as connection:
        closed = run_store.close_dead(connection, utc_now())
    for dead in closed:
        _log.warning("%s of %s is closed: its process has died", dead.job, dead.period)


def catch_up(context: Context, fits: bool) -> None:
    """Run the route's overdue jobs: those that fit models, or the others."""
    for item in _items_of(context):
        if item.fits == fits:
            run_due(context, item)


def run_due(context: Context, item: Scheduled, now: dt.datetime | None = None) -> None:
    """Run the latest due occurrence of `item`, unless it has been done; record a failure.

    If several were missed, only the latest is caught up.
    """
    now = now or utc_now()
    # Jobs that track their own due work always run.
    due = item.last_due(now, now - _CATCH_UP) if item.is_recorded else now
    if due is None:
        return
    period = format_instant(due)
    try:
        if not item.is_recorded:
            item.work(context, period)
            return
        with context.database.reading() as connection:
            run = run_store.get_run(connection, item.name, period, context.route.name)
        # A stopped run is claimed again; a running or finished run is left alone.
        if (run is None or run.outcome == "stopped") and item.is_needed(context, due):
            run_job(context, item.name, lambda _: _run_item(context, item, period), period)
    except (JobError, DatabaseError) as error:
        # Work prevented by the database is retried every few seconds.
        level = logging.DEBUG if isinstance(error, DatabaseError) else logging.WARNING
        _log.log(level, "%s did not succeed: %s", item.name, error)


def _run_item(context: Context, item: Scheduled, period: str) -> Outcome:
    return item.work(context, f"{item.name} {period}") or Outcome("done", item.about)


def run_next_request(context: Context, jobs: Sequence[str]) -> None:
    """Run the oldest request for one of `jobs`, which ends as its run."""
    with context.database.reading() as connection:
        run = run_store.get_next_request(connection, jobs)
    if run is None:
        return
    _log.info("%s of %s was requested by %s", run.job, run.route, run.asked_by)
    routes = {one.route.name: one for one in context.each_route()}
    if run.route in routes:
        with suppress(JobError):  # the reason is logged and stored
            _WORK[run.job](routes[run.route], period=run.period)
        return
    reason = f"expected one of the routes {', '.join(routes)}, found {run.route!r}"
    claim = Claim(run.run_id, run.attempt)
    with context.database.writing() as connection:
        run_store.finish_run(connection, claim, "failed", reason, {}, utc_now())


def back_off(failures: int) -> dt.timedelta:
    """Return the back-off after consecutive failures."""
    return min(_FIRST_PAUSE * (1 << min(failures - 1, 10)), _LONGEST_PAUSE)


def read_source_again(
    context: Context, started_at: dt.datetime, now: dt.datetime | None = None
) -> None:
    """Run the cycle if the last read failed and its back-off is over, or there was no read.

    Failures before `started_at`, the start of this process, cause no back-off.
    """
    now = now or utc_now()
    is_live = context.settings.source == "declared" and context.route.is_followed
    if not (is_live and any(item.name == "renew" for item in _items_of(context))):
        return  # only embedded figures, or read only by hand
    with suppress(JobError, DatabaseError):  # the reason is logged and stored
        failed = _failures(context, "ingest", context.settings.source)
        if failed is None:
            return
        # The clock was set back if `now` is before `started_at`.
        is_recent = now < started_at or (failed and failed[0].started_at >= started_at)
        if failed and is_recent and _is_too_soon(failed, now):
            return
        period = f"{_RETRIED} again {format_instant(now)}"
        ingest(context, period=period)  # first and alone, so that a failure is one log line
        run_job(context, _RETRIED, lambda _: run_daily(context, period), period)


def refit_again(context: Context, now: dt.datetime | None = None) -> None:
    """Refit if the last refits failed and their back-off is over: a file may be repaired."""
    now = now or utc_now()
    with suppress(JobError, DatabaseError):  # the reason is logged and stored
        failed = _failures(context, "refit")
        if failed and not _is_too_soon(failed, now):
            refit(context, period=f"refit again {format_instant(now)}")


def _failures(context: Context, job: str, source: str | None = None) -> list[Run] | None:
    """Return the last runs that failed in a row; None if one is running or the last succeeded."""
    with context.database.reading() as connection:
        recent = run_store.list_recent(connection, job, context.route.name)
        ended = run_store.list_ended(connection, job, source, context.route.name)
    failed = list(takewhile(lambda run: run.outcome == "failed", ended))
    is_under_way = any(run.outcome == "running" for run in recent)
    return None if is_under_way or (ended and not failed) else failed


def _is_too_soon(failed: list[Run], now: dt.datetime) -> bool:
    ended = failed[0].finished_at or failed[0].started_at
    # A run that ended in the future was recorded before the clock was set back.
    return ended <= now < ended + back_off(len(failed))
