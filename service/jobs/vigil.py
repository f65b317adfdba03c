"""A vigil over the runs: those whose process has died are closed, to be claimed again."""

from __future__ import annotations

__all__ = ["Vigil"]

import logging
import time
from collections.abc import Callable

from service.clock import utc_now
from service.context import Context
from service.jobs import record
from service.store import runs
from service.store.runs import BEATS_MISSED, Run

_UNSEEN = 4
_log = logging.getLogger(__name__)


class Vigil:
    """Watches heartbeats by whether they change, and trusts no clock to say how old they are.

    After a while in which nothing could be seen, as when the database did not answer, it begins
    anew: those who live have had no chance to say so.
    """

    def __init__(self, context: Context, timer: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._timer = timer
        self._seen: dict[int, tuple[Run, float]] = {}
        self._looked = timer()

    def look(self) -> list[Run]:
        """Close the runs of dead processes, and return them."""
        with self._context.database.reading() as connection:
            running = runs.under_way(connection)
        now, beat = self._timer(), self._context.settings.heartbeat_seconds
        lapse = BEATS_MISSED * beat
        if now - self._looked > _UNSEEN * beat:
            self._seen = {}
        self._looked = now
        self._seen = {run.run_id: self._since(run, now) for run in running}
        dead = [run for run in running if self._is_dead(run, now - lapse)]
        closed = []
        for run in dead:
            with self._context.database.writing() as connection:
                if runs.close(connection, run, utc_now()):
                    closed.append(run)
                    _log.warning("%s of %s is closed: its process has died", run.job, run.period)
        return closed

    def _since(self, run: Run, now: float) -> tuple[Run, float]:
        """The run as it was first seen in this state, and when."""
        before = self._seen.get(run.run_id)
        return before if before and before[0] == run else (run, now)

    def _is_dead(self, run: Run, lapsed: float) -> bool:
        if run.owner == record.owner():
            # Our own, whose end could not be recorded: the database did not answer.
            return not record.is_under_way(run.run_id)
        return self._seen[run.run_id][1] <= lapsed
