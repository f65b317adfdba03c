"""What every run of a job has in common: a row that is claimed before, and finished after."""

from __future__ import annotations

__all__ = ["JobError", "Outcome", "abandon", "is_under_way", "owner", "perform"]

import contextlib
import datetime as dt
import functools
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.clock import instant, utc_now
from service.context import Context
from service.jobs.folders import without_folders
from service.jobs.steps import recorded
from service.logs import within_run
from service.secrecy import Masker
from service.store import runs
from service.store.database import DatabaseError, Unavailable

_STOPPED = "the process was told to stop before it was done"
_TAKEN_OVER = "another process has taken this run over, since this one seemed dead"
_under_way: dict[int, float] = {}
_log = logging.getLogger(__name__)


class JobError(RuntimeError):
    """A job that could not be done, for a reason that a person can act on.

    Attributes
    ----------
    detail : dict
        What is worth keeping of a run that did a part of its work.
    """

    def __init__(self, reason: str, detail: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.detail = dict(detail or {})


@dataclass(frozen=True)
class Outcome:
    """How a run ended: ``done``, ``skipped`` or ``failed``, why, and what is worth keeping."""

    outcome: str
    reason: str
    detail: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", without_folders(self.reason))


def owner() -> str:
    """Name of this process among all that ever were."""
    return _name_of(os.getpid())


@functools.cache
def _name_of(pid: int) -> str:  # noqa: ARG001  # a fork has another
    return uuid.uuid4().hex


def perform(
    context: Context,
    job: str,
    work: Callable[[int], Outcome],
    period: str | None = None,
) -> Outcome:
    """Run `work` with the id of its row, once for each `period`.

    While it lasts the row has a heartbeat. What its steps took is kept.

    Parameters
    ----------
    period : str | None
        What the run is for; the second run of a period is skipped, unless the first was stopped,
        its process has died, or the database did not answer. None: this very call.

    Raises
    ------
    JobError
        When `work` raised one, or any other exception; the row says so too.
    """
    began = time.perf_counter()
    is_again = period is not None  # whoever names it comes again for what was stopped
    period = period or f"asked {instant(utc_now())} {time.monotonic_ns():x}"
    with context.database.writing() as connection:
        run_id = runs.claim(connection, job, period, utc_now(), owner())
    if run_id is None:
        return Outcome("skipped", f"{job} for {period} was already claimed")
    mask = Masker(context.settings.secrets())
    with within_run(run_id), recorded() as steps:
        _under_way[run_id] = began

        def finish(outcome: Outcome) -> None:
            _finish(context, run_id, outcome, began, {"steps": steps} if steps else {})

        try:
            with _beating(context, run_id):
                outcome = work(run_id)
        except (JobError, DatabaseError) as error:
            _log.error("%s failed: %s", job, error)
            is_away = is_again and isinstance(error, Unavailable)
            kept = error.detail if isinstance(error, JobError) else {}
            finish(Outcome("stopped" if is_away else "failed", mask(str(error)), kept))
            raise
        except Exception as error:
            # The first line alone: statements and their values are for the log.
            reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:300]}"
            _log.exception("%s failed: %s", job, reason)
            finish(Outcome("failed", mask(reason)))
            raise JobError(f"{job} failed: {reason}") from error
        except BaseException:  # told to stop, which is nobody's failure
            _log.warning("%s was stopped before it was done", job)
            with contextlib.suppress(DatabaseError):  # it stops even if that cannot be recorded
                finish(Outcome("stopped", _STOPPED))
            raise
        finally:
            _under_way.pop(run_id, None)
        _log.info("%s %s: %s", job, outcome.outcome, outcome.reason)
        finish(outcome)
    return outcome


def is_under_way(run_id: int) -> bool:
    """Whether a thread of this process is at that run."""
    return run_id in _under_way


def abandon(context: Context) -> None:
    """Say of the runs that other threads of this process have begun that they were stopped."""
    for run_id, began in list(_under_way.items()):
        with contextlib.suppress(DatabaseError):  # its heart has stopped, which says as much
            _finish(context, run_id, Outcome("stopped", _STOPPED), began, {})


def _finish(
    context: Context, run_id: int, outcome: Outcome, began: float, more: dict[str, Any]
) -> None:
    detail = outcome.detail | more | {"seconds": round(time.perf_counter() - began, 3)}
    with context.database.writing() as connection:
        ended = runs.finish(
            connection, run_id, outcome.outcome, outcome.reason, detail, utc_now(), owner()
        )
    if not ended:
        _log.warning("run %d: %s", run_id, _TAKEN_OVER)


@contextlib.contextmanager
def _beating(context: Context, run_id: int) -> Iterator[None]:
    """Say of the run that its process lives, as long as this lasts."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(context.settings.heartbeat_seconds):
            try:
                now = dt.datetime.now(dt.UTC)  # finer than a second: each beat must differ
                with context.database.writing() as connection:
                    runs.beat(connection, run_id, owner(), now)
            except DatabaseError as error:  # the next one may get through
                _log.debug("no heartbeat: %s", error)

    thread = threading.Thread(target=beat, name=f"heart of run {run_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
