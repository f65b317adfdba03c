"""Requests to run a job, and their status."""

__all__ = ["request_job", "request_state"]

from typing import Any

from service.answers.errors import NotFound
from service.answers.issue_loader import IssueLoader
from service.core import request_store
from service.core.clock import format_instant
from service.core.request_store import JobRequest

_MOST_IDS = 2**31


def request_job(loader: IssueLoader, job: str, asked_by: str, route: str = "") -> dict[str, Any]:
    """Request a run of `job` for `route`, by default the first, and return the row.

    Raises `NotFound` if there is no such job or route.
    """
    if job not in request_store.JOBS:
        raise NotFound(
            f"expected one of the jobs {', '.join(request_store.JOBS)}, found {job[:40]!r}"
        )
    names = [one.name for one in loader.context.routes]
    route = route or names[0]
    if route not in names:
        raise NotFound(f"expected one of the routes {', '.join(names)}, found {route[:40]!r}")
    with loader.context.database.writing() as connection:
        return _row(request_store.add_request(connection, job, asked_by, loader.clock(), route))


def request_state(loader: IssueLoader, request_id: int) -> dict[str, Any]:
    """Return the row of a request; raises `NotFound` if it does not exist."""
    with loader.context.database.reading() as connection:
        request = (
            request_store.get_request(connection, request_id) if request_id < _MOST_IDS else None
        )
    if request is None:
        raise NotFound(f"no request {request_id} exists")
    return _row(request)


def _row(request: JobRequest) -> dict[str, Any]:
    moments = ("asked_at", "claimed_at", "finished_at")
    return {
        name: format_instant(value) if name in moments and value else value
        for name, value in vars(request).items()
    }
