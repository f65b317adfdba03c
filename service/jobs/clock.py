"""The scheduler: one process that runs the jobs at their times.

Web processes never schedule. Jobs are declared in code, not stored; each time of a job is a row
that is claimed before any work, so that a second scheduler by mistake does no harm, a time that
was missed is seen, and one whose process died is taken over.
"""

from __future__ import annotations

__all__ = ["build", "catch_up", "run", "run_due"]

import datetime as dt
import logging
import os
import signal
from types import FrameType

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler

from service.clock import instant, utc_now
from service.context import Context
from service.jobs import asked, lasting
from service.jobs.record import JobError, Outcome, abandon, owner, perform
from service.jobs.replay import replay
from service.jobs.reread import reread
from service.jobs.schedule import Scheduled, schedule
from service.jobs.vigil import Vigil
from service.store import runs
from service.store.database import DatabaseError

_GRACE_SECONDS = 6 * 3600
_NICENESS = 10
_LOOK_SECONDS = 15
_UNSEEN = "runs could not be looked at"
_UNREPLAYED = "the weeks before the first start were not replayed"
_log = logging.getLogger(__name__)


def build(context: Context) -> BlockingScheduler:
    """Make the scheduler with every job of the schedule in it."""
    scheduler = BlockingScheduler(
        timezone=dt.UTC,
        # One job at a time: some of what models are fitted with is global to the process.
        executors={"default": ThreadPoolExecutor(1)},
        # The default grace is one second: a job two seconds late would silently be left out.
        job_defaults={"misfire_grace_time": _GRACE_SECONDS, "coalesce": True, "max_instances": 1},
    )
    for item in schedule(context.settings):
        for number, trigger in enumerate(item.triggers):
            scheduler.add_job(run_due, trigger, args=[context, item], id=f"{item.name}-{number}")
    vigil = Vigil(context)
    seconds = min(_LOOK_SECONDS, 2 * context.settings.heartbeat_seconds)
    for work, arguments, every in (
        (catch_up, [context, vigil], seconds),
        (reread, [context, utc_now()], _LOOK_SECONDS),
        (_replay, [context], _LOOK_SECONDS),
        (asked.take, [context], asked.POLL_SECONDS),
    ):
        scheduler.add_job(
            work,
            "interval",
            seconds=every,
            args=arguments,
            id=work.__name__,
            next_run_time=dt.datetime.now(dt.UTC),
        )
    # That a look waits behind a job is no news; what was missed is told below.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    scheduler.add_listener(_tell, EVENT_JOB_MISSED | EVENT_JOB_ERROR)
    return scheduler


def run(context: Context) -> None:
    """Run the jobs at their times until the process is told to stop."""
    scheduler = build(context)
    os.nice(_NICENESS)  # readers come first

    def stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise SystemExit

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for item in schedule(context.settings):
        fires = item.next_due(utc_now())
        _log.info("%s next at %s", item.name, instant(fires) if fires else "never")

    def work(_: int) -> Outcome:
        scheduler.start()
        return Outcome("done", "ended by itself")

    try:
        # A row of its own, whose heartbeat tells the others that jobs are scheduled.
        perform(context, "scheduler", work, owner())
    except SystemExit:
        # A job under way would hold the process back for minutes; what it has stored is whole,
        # and what it has not is stored by the next run.
        abandon(context)
        logging.shutdown()
        os._exit(0)


def catch_up(context: Context, vigil: Vigil) -> None:
    """Close the runs of dead processes, and do what was due and is not done."""
    try:
        vigil.look()
    except DatabaseError as error:
        lasting.warn(_log, _UNSEEN, error)
        return
    lasting.over(_UNSEEN)
    for item in schedule(context.settings):
        if item.is_recorded:
            run_due(context, item)


def _replay(context: Context) -> None:
    """Go on with the weeks before the first start."""
    try:
        replay(context)
    except DatabaseError as error:
        lasting.warn(_log, _UNREPLAYED, error)
    else:
        lasting.over(_UNREPLAYED)


def run_due(context: Context, item: Scheduled, now: dt.datetime | None = None) -> None:
    """Do the last time of `item` that is due, unless somebody has; a failure is in its row.

    Of several that were missed the last alone is caught up.
    """
    now = now or utc_now()
    hours = context.settings.catch_up_hours
    # What keeps its own record of what is due is asked whenever its time has come.
    due = item.last_due(now, now - dt.timedelta(hours=hours)) if item.is_recorded else now
    if due is None:
        return
    period, about = instant(due), f"{item.name} did not succeed"
    try:
        if not item.is_recorded:
            item.work(context, period)
            return
        with context.database.reading() as connection:
            there = runs.find(connection, item.name, period)
        # What was stopped is claimed again; what runs, or ended, is somebody's.
        is_open = there.outcome == "stopped" if there else not item.is_over(due, now)
        if is_open and item.is_needed(context, due):
            perform(context, item.name, lambda _: _work(context, item, period), period)
    except (JobError, DatabaseError) as error:
        lasting.warn(_log, about, error)
    else:
        lasting.over(about)


def _work(context: Context, item: Scheduled, period: str) -> Outcome:
    return item.work(context, f"{item.name} {period}") or Outcome("done", item.about)


def _tell(event: JobExecutionEvent) -> None:
    if event.code == EVENT_JOB_MISSED:
        _log.error("%s was missed at %s", event.job_id, event.scheduled_run_time)
    else:  # no error that a person can act on comes this far: it is a defect
        _log.error("%s broke: %r", event.job_id, event.exception)
