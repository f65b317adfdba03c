"""Work that was asked for, and how far it is."""

from __future__ import annotations

__all__ = ["ask", "state"]

from typing import Any

from service.answers.errors import NotFound
from service.answers.issue_loader import IssueLoader
from service.core import request_store
from service.core.clock import instant
from service.core.request_store import JobRequest

_MOST_IDS = 2**31


def ask(desk: IssueLoader, job: str, asked_by: str) -> dict[str, Any]:
    """Leave a request for `job`, and return its row; raises `NotFound` for what is no job."""
    if job not in request_store.JOBS:
        raise NotFound(f"expected a job of {', '.join(request_store.JOBS)}, found {job[:40]!r}")
    with desk.context.database.writing() as connection:
        return _row(request_store.leave(connection, job, asked_by, desk.clock()))


def state(desk: IssueLoader, request_id: int) -> dict[str, Any]:
    """Row of the request `request_id`; raises `NotFound` when there is none."""
    with desk.context.database.reading() as connection:
        found = request_store.find(connection, request_id) if request_id < _MOST_IDS else None
    if found is None:
        raise NotFound(f"no request {request_id} was left")
    return _row(found)


def _row(found: JobRequest) -> dict[str, Any]:
    return {
        "request_id": found.request_id,
        "job": found.job,
        "asked_by": found.asked_by,
        "asked_at": instant(found.asked_at),
        "claimed_at": instant(found.claimed_at) if found.claimed_at else None,
        "finished_at": instant(found.finished_at) if found.finished_at else None,
        "outcome": found.outcome,
        "reason": found.reason,
    }
