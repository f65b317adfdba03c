"""What every run of a job has in common: a row that is claimed before, and finished after."""

from __future__ import annotations

__all__ = ["JobError", "Outcome", "abandon", "perform"]

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from service.clock import instant, utc_now
from service.context import Context
from service.jobs.folders import without_folders
from service.store import runs
from service.store.database import DatabaseError

_STOPPED = "the process was told to stop before it was done"
_under_way: dict[int, float] = {}
_log = logging.getLogger(__name__)


class JobError(RuntimeError):
    """A job that could not be done, for a reason that a person can act on."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended: ``done`` or ``skipped``, why, and what is worth keeping of it."""

    outcome: str
    reason: str
    detail: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", without_folders(self.reason))


def perform(
    context: Context,
    job: str,
    work: Callable[[int], Outcome],
    period: str | None = None,
) -> Outcome:
    """Run `work` with the id of its row, once for each `period`.

    Parameters
    ----------
    period : str | None
        What the run is for; the second run of a period is skipped. None: this very call.

    Raises
    ------
    JobError
        When `work` raised one, or any other exception; the row says so too.
    """
    began = time.perf_counter()
    period = period or f"asked {instant(utc_now())} {time.monotonic_ns():x}"
    with context.database.writing() as connection:
        run_id = runs.claim(connection, job, period, utc_now())
    if run_id is None:
        return Outcome("skipped", f"{job} for {period} was already claimed")
    _under_way[run_id] = began
    try:
        outcome = work(run_id)
    except (JobError, DatabaseError) as error:
        _log.error("%s failed: %s", job, error)
        _finish(context, run_id, Outcome("failed", str(error)), began)
        raise
    except Exception as error:
        # The first line alone: statements and their values are for the log.
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:300]}"
        _log.exception("%s failed: %s", job, reason)
        _finish(context, run_id, Outcome("failed", reason), began)
        raise JobError(f"{job} failed: {reason}") from error
    except BaseException:  # told to stop, which is nobody's failure
        _log.warning("%s was stopped before it was done", job)
        _finish(context, run_id, Outcome("stopped", _STOPPED), began)
        raise
    finally:
        _under_way.pop(run_id, None)
    _finish(context, run_id, outcome, began)
    _log.info("%s %s: %s", job, outcome.outcome, outcome.reason)
    return outcome


def abandon(context: Context) -> None:
    """Say of the runs that other threads of this process have begun that they were stopped."""
    for run_id, began in list(_under_way.items()):
        _finish(context, run_id, Outcome("stopped", _STOPPED), began)


def _finish(context: Context, run_id: int, outcome: Outcome, began: float) -> None:
    detail = outcome.detail | {"seconds": round(time.perf_counter() - began, 3)}
    with context.database.writing() as connection:
        runs.finish(connection, run_id, outcome.outcome, outcome.reason, detail, utc_now())
