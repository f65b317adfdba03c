"""What every run of a job has in common: a row that is claimed before, and finished after."""

from __future__ import annotations

__all__ = ["JobError", "Outcome", "perform"]

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from service.clock import instant, utc_now
from service.context import Context
from service.store import runs

_log = logging.getLogger(__name__)


class JobError(RuntimeError):
    """A job that could not be done, for a reason that a person can act on."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended: ``done`` or ``skipped``, why, and what is worth keeping of it."""

    outcome: str
    reason: str
    detail: dict[str, Any] = field(default_factory=dict)


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
    try:
        outcome = work(run_id)
    except BaseException as error:
        expected = isinstance(error, JobError)
        reason = str(error) if expected else f"{type(error).__name__}: {error}"
        _finish(context, run_id, Outcome("failed", reason), began)
        _log.error("%s failed: %s", job, reason, exc_info=not expected)
        if expected or not isinstance(error, Exception):
            raise
        raise JobError(f"{job} failed: {reason}") from error
    _finish(context, run_id, outcome, began)
    _log.info("%s %s: %s", job, outcome.outcome, outcome.reason)
    return outcome


def _finish(context: Context, run_id: int, outcome: Outcome, began: float) -> None:
    detail = outcome.detail | {"seconds": round(time.perf_counter() - began, 3)}
    with context.database.writing() as connection:
        runs.finish(connection, run_id, outcome.outcome, outcome.reason, detail, utc_now())
