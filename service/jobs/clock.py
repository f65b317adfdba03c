"""The scheduler: one process that runs the jobs at their times.

Web processes never schedule. Jobs are declared here, not stored; each run claims its row before
any work, so that a second scheduler by mistake does no harm.
"""

from __future__ import annotations

__all__ = ["SCHEDULE", "Scheduled", "build", "run"]

import datetime as dt
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from apscheduler.events import EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.cron import CronTrigger

from service.clock import LONDON, instant, utc_now
from service.context import Context
from service.jobs import asked
from service.jobs.compare import compare
from service.jobs.digest import post
from service.jobs.ingest import ingest
from service.jobs.record import JobError, abandon
from service.jobs.refit import refit
from service.jobs.weather import weather
from service.store.database import DatabaseError

_GRACE_SECONDS = 6 * 3600
_log = logging.getLogger(__name__)


def _renew(context: Context, period: str) -> None:
    """Ingest, refit on what came, and compare; the refit looks for itself whether there is need."""
    try:
        ingest(context, period=period)
    finally:
        refit(context, period=period)
        _compare(context, period)


def _weather(context: Context, period: str) -> None:
    weather(context, period=period)


def _compare(context: Context, period: str) -> None:
    """Compare the models; publish anew when that changed the champion."""
    compare(context, period=period)
    refit(context, period=f"{period} after comparing")


@dataclass(frozen=True)
class Scheduled:
    """A job and the times, in Europe/London, at which it runs."""

    name: str
    cron: str
    work: Callable[[Context, str], None]
    about: str

    @property
    def trigger(self) -> CronTrigger:
        """APScheduler's trigger of these times."""
        return CronTrigger.from_crontab(self.cron, timezone=LONDON)


SCHEDULE = (
    Scheduled("renew", "50 13 * * *", _renew, "ingest and refit after the day's publication"),
    Scheduled("renew-weekend", "40 9 * * sat,sun", _renew, "the same, earlier, at weekends"),
    Scheduled("renew-evening", "30 17 * * *", _renew, "the same, for what was published late"),
    Scheduled("weather", "25 5 * * *", _weather, "the weather, if it is read at all"),
    Scheduled("weather-noon", "25 13 * * *", _weather, "the same, before the day's forecast"),
    Scheduled("post", "* * * * *", post, "mail that is due: links to confirm, the week's mail"),
)


def build(context: Context) -> BlockingScheduler:
    """Make the scheduler with every job of `SCHEDULE` in it."""
    scheduler = BlockingScheduler(
        timezone=dt.UTC,
        # One job at a time: some of what models are fitted with is global to the process.
        executors={"default": ThreadPoolExecutor(1)},
        # The default grace is one second: a job two seconds late would silently be left out.
        job_defaults={"misfire_grace_time": _GRACE_SECONDS, "coalesce": True, "max_instances": 1},
    )
    for item in SCHEDULE:
        scheduler.add_job(_guarded, item.trigger, args=[context, item], id=item.name)
    # Once at the start: after the first fits there is no record yet to choose a champion by.
    start = Scheduled("compare", "", _compare, "the record of every model, if it has gaps")
    scheduler.add_job(_guarded, args=[context, start], id=start.name)
    scheduler.add_job(asked.take, "interval", seconds=asked.POLL_SECONDS, args=[context])
    scheduler.add_listener(_missed, EVENT_JOB_MISSED)
    return scheduler


def run(context: Context) -> None:
    """Run the jobs at their times until the process is told to stop."""
    scheduler = build(context)

    def stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise SystemExit

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for item in SCHEDULE:
        fires = item.trigger.get_next_fire_time(None, utc_now())
        _log.info("%s next at %s", item.name, instant(fires) if fires else "never")
    try:
        scheduler.start()
    except SystemExit:
        # A job under way would hold the process back for minutes; what it has stored is whole,
        # and what it has not is stored by the next run.
        abandon(context)
        logging.shutdown()
        os._exit(0)


def _guarded(context: Context, item: Scheduled) -> None:
    """Run one job; a failure is in its row and its log, and the scheduler goes on."""
    moment = "%Y-%m-%d" if item.cron else "%Y-%m-%dT%H:%M:%SZ"
    period = f"{item.name} {utc_now():{moment}}"
    try:
        item.work(context, period)
    except (JobError, DatabaseError) as error:
        _log.warning("%s did not succeed: %s", item.name, error)


def _missed(event: JobExecutionEvent) -> None:
    _log.error("%s was missed at %s", event.job_id, event.scheduled_run_time)
