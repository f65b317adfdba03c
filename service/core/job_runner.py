"""Runs of jobs: each has a row, claimed before the work and finished after it."""

__all__ = ["JobError", "Outcome", "stop_running_jobs", "run_job", "run_in_parallel"]

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.pool import ThreadPool
from typing import Any, TypeVar

from service.core import run_store
from service.core.clock import format_instant, utc_now
from service.core.context import Context
from service.core.database import DatabaseError, Unavailable
from service.core.files import RegistryError
from service.core.locks import try_lock
from service.core.logs import within_run
from service.core.run_store import Claim
from service.core.secrets import Masker, strip_folders
from service.core.timings import Steps, record_steps

T = TypeVar("T")
_log = logging.getLogger(__name__)


class JobError(RuntimeError):
    """A job that failed for a reason that a person can act on.

    Its `detail` holds what to record of a partly completed run.
    """

    def __init__(self, reason: str, detail: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.detail = dict(detail or {})


@dataclass(frozen=True)
class Outcome:
    """How a run ended: ``done``, ``skipped`` or ``failed``, why, and details to record."""

    outcome: str
    reason: str
    detail: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", strip_folders(self.reason))


_STOPPED = Outcome("stopped", "the process was stopped before it finished")
_running: dict[Claim, tuple[float, Steps]] = {}  # when each began, and its steps


def run_job(
    context: Context, job: str, work: Callable[[Claim], Outcome], period: str | None = None
) -> Outcome:
    """Run `work` with its claim, once for each `period`; None always runs.

    A repeated period is skipped, unless its run was stopped, its process died or the database did
    not answer. The process holds a lock for the run, so that others notice when it dies. Every
    exception of `work` is recorded and becomes a `JobError`.
    """
    period = period or f"asked {format_instant(utc_now())} {time.monotonic_ns():x}"
    with contextlib.ExitStack() as locked:
        with context.database.writing() as connection:
            claimed = run_store.claim_run(connection, job, period, utc_now(), context.route.name)
            if claimed is None:
                return Outcome("skipped", f"{job} for {period} was already claimed")
            # Lock before the row is visible to others: they close rows without a lock.
            lock = try_lock(context.database, run_store.lock_name(claimed.run_id))
            if not locked.enter_context(lock):
                raise JobError(
                    f"{job} for {period} is still running in the process that started it"
                )
        with within_run(claimed.run_id), record_steps() as steps:
            _running[claimed] = time.perf_counter(), steps
            try:
                return _run_claimed(context, job, work, claimed)
            finally:
                _running.pop(claimed)


def _run_claimed(
    context: Context, job: str, work: Callable[[Claim], Outcome], claimed: Claim
) -> Outcome:
    try:
        outcome = work(claimed)
    except Exception as error:
        is_named = isinstance(error, (JobError, DatabaseError))
        is_defect = not (is_named or isinstance(error, (RegistryError, OSError)))
        end = "stopped" if isinstance(error, Unavailable) else "failed"
        reason = str(error)
        if isinstance(error, OSError) and error.filename is not None:
            reason = f"{error.filename}: {error.strerror}"
        elif is_defect:  # first line only: statements and their values go to the log
            reason = f"{type(error).__name__}: {reason.partition(chr(10))[0][:300]}"
        _log.error("%s failed: %s", job, reason, exc_info=is_defect)
        detail = error.detail if isinstance(error, JobError) else {}
        masked = Masker(context.settings.secrets())(reason)
        _finish(context, claimed, Outcome(end, masked, detail))
        if is_named:
            raise
        raise JobError(f"{job} failed: {reason}") from error
    except BaseException:  # interrupted: not a failure
        _log.warning("%s was stopped before it was done", job)
        with contextlib.suppress(DatabaseError):  # stop even if that cannot be recorded
            _finish(context, claimed, _STOPPED)
        raise
    _log.info("%s %s: %s", job, outcome.outcome, outcome.reason)
    _finish(context, claimed, outcome)
    return outcome


def stop_running_jobs(context: Context) -> None:
    """Record the running jobs of this process's other threads as stopped."""
    for claimed in list(_running):
        with contextlib.suppress(DatabaseError, KeyError):  # if not, `close_dead` will close it
            _finish(context, claimed, _STOPPED)


def _finish(context: Context, claimed: Claim, outcome: Outcome) -> None:
    began, steps = _running[claimed]
    detail = outcome.detail | ({"steps": steps} if steps else {})
    detail["seconds"] = round(time.perf_counter() - began, 3)
    with context.database.writing() as connection:
        is_finished = run_store.finish_run(
            connection, claimed, outcome.outcome, outcome.reason, detail, utc_now()
        )
    if not is_finished:
        _log.warning("run %d was claimed by another process meanwhile", claimed.run_id)


def run_in_parallel(
    context: Context, work: Callable[[Context], T]
) -> Iterator[tuple[Context, T | Exception]]:
    """Run `work` for each route, up to `CROSSINGS_WORKERS` at once; yield the exceptions.

    Threads are enough, since each fit is its own process. A `ThreadPool` is used because its
    threads end with this process, so that a stop does not wait for a fit.
    """

    def attempt(one: Context) -> tuple[Context, T | Exception]:
        try:
            return one, work(one)
        except Exception as error:
            return one, error

    count = min(context.settings.workers, len(context.routes))
    if count == 1:
        yield from map(attempt, context.each_route())
        return
    with ThreadPool(count) as threads:
        try:
            yield from threads.imap_unordered(attempt, context.each_route())
        except BaseException:
            stop_running_jobs(context)
            raise
