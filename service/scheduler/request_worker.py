"""Run the jobs requested over HTTP one by one, and record their results."""

__all__ = ["FITTING", "LIGHT", "POLL_SECONDS", "run_next_request"]

import logging
from collections.abc import Callable, Sequence

from service.core import request_store, run_store
from service.core.clock import utc_now
from service.core.context import Context
from service.core.job_runner import JobError, Outcome
from service.data.ingest import ingest
from service.issues.compare import compare
from service.issues.refit import refit

POLL_SECONDS = 5
LIGHT = ("ingest",)
"""Requested jobs that take seconds."""
FITTING = tuple(job for job in request_store.JOBS if job not in LIGHT)
"""Requested jobs that fit models, which takes minutes."""
_WORK: dict[str, Callable[..., Outcome]] = {"ingest": ingest, "refit": refit, "compare": compare}
_log = logging.getLogger(__name__)


def run_next_request(context: Context, jobs: Sequence[str]) -> None:
    """Run the oldest request for one of `jobs`; log and record a failure.

    Its run has its own row, so a request taken twice runs once; it ends as its run did.
    """
    with context.database.reading() as connection:
        request = request_store.get_next_open(connection, jobs)
    if request is None:
        return
    with context.database.writing() as connection:
        request_store.update_request(
            connection, request.request_id, "running", claimed_at=utc_now()
        )
    _log.info("%s of %s was requested by %s", request.job, request.route, request.asked_by)
    names = {route.name: route for route in context.routes}
    about = context.for_route(names.get(request.route, context.route))
    period = request_store.period(request.request_id)
    try:
        if request.route not in names:
            raise JobError(
                f"expected one of the routes {', '.join(names)}, found {request.route!r}"
            )
        done = _WORK[request.job](about, period=period)
        outcome, reason = done.outcome, done.reason
    except JobError as error:
        outcome, reason = "failed", str(error)
    with context.database.writing() as connection:
        run = run_store.get_run(connection, request.job, period, request.route)
        if run and outcome == "skipped":  # it may have ended unrecorded
            outcome, reason = run.outcome, run.reason or ""
        if outcome not in ("running", "stopped"):
            request_store.update_request(
                connection, request.request_id, outcome, reason=reason, finished_at=utc_now()
            )
