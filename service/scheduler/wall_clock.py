"""Handle a wall clock that is changed while the scheduler runs."""

from __future__ import annotations

__all__ = ["ClockWatch", "FromNow", "every", "keep_time"]

import datetime as dt
import logging
import time
from collections.abc import Callable

from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

_LOOK_SECONDS = 15.0
_JUMP_SECONDS = 5.0
_MICROSECOND = dt.timedelta(microseconds=1)
_log = logging.getLogger(__name__)


class FromNow(BaseTrigger):  # type: ignore[misc]
    """The times of another trigger, counted from now only.

    APScheduler lists every time since the last one: after a clock jumps by years, as on a machine
    that starts without one, a job run every five seconds would fill the memory.
    """

    def __init__(self, trigger: CronTrigger) -> None:
        self._trigger = trigger

    def get_next_fire_time(
        self,
        previous_fire_time: dt.datetime | None,  # noqa: ARG002
        now: dt.datetime,
    ) -> dt.datetime | None:
        """Return the first time after `now`."""
        fires: dt.datetime | None = self._trigger.get_next_fire_time(None, now + _MICROSECOND)
        return fires


def every(seconds: int) -> FromNow:
    """Return a trigger that fires every `seconds`, a divisor of 60."""
    return FromNow(CronTrigger(second=f"*/{seconds}", timezone=dt.UTC))


class ClockWatch:
    """Compares the wall clock with a monotonic one."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._steady = wall, steady
        self._offset = wall() - steady()

    def look(self) -> float:
        """Return the seconds by which the wall clock jumped since the last call; negative: back."""
        offset = self._wall() - self._steady()
        jump, self._offset = offset - self._offset, offset
        return jump


def keep_time(
    scheduler: BaseScheduler, watch: ClockWatch, look_seconds: float = _LOOK_SECONDS
) -> None:
    """Recompute the times of all jobs whenever the wall clock jumps; never returns.

    Otherwise the scheduler would sleep until the clock shows its next time.
    """
    while True:
        time.sleep(look_seconds)
        jump = watch.look()
        if abs(jump) > _JUMP_SECONDS:
            _log.warning("the clock was set by %+.0f s: the jobs' times are worked out anew", jump)
            for job in scheduler.get_jobs():
                job.reschedule(job.trigger)
