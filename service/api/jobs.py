"""``/v1/jobs``: request jobs, which the scheduler runs."""

__all__ = ["blueprint"]

import datetime as dt
from typing import Literal

from apiflask import APIBlueprint
from flask import Response, g, url_for

from service.answers import job_requests
from service.api import queries
from service.api.media_types import JSON
from service.api.responses import loader, question, render, reply, represent
from service.api.schemas import Open

blueprint = APIBlueprint(
    "jobs",
    __name__,
    url_prefix="/v1/jobs",
    tag={"name": "Jobs", "description": "Jobs that the scheduler runs on request."},
)


class JobRequest(Open):
    """A requested job and its status."""

    request_id: int
    route: str
    job: str
    asked_by: str
    asked_at: dt.datetime
    claimed_at: dt.datetime | None
    finished_at: dt.datetime | None
    outcome: Literal["waiting", "running", "done", "skipped", "failed"]
    reason: str | None


@blueprint.post("/<job>")
@blueprint.input(queries.JobQuery, location="query")
@blueprint.output(JobRequest, status_code=202)
def ask(job: str, query_data: queries.JobQuery) -> Response:
    """Request a job; returns the pending request if there is one."""
    job_request = job_requests.request_job(loader(), job, g.key.name, query_data.route)
    answer = reply(render(job_request, JSON), "no-store")
    answer.status_code = 202
    answer.headers["Location"] = url_for("jobs.state", request_id=job_request["request_id"])
    return answer


@question(blueprint, "/requests/<int:request_id>", queries.NoQuery, JobRequest)
def state(request_id: int, query: queries.NoQuery) -> Response:  # noqa: ARG001
    """Get the status of a job request: waiting, running, done, skipped or failed."""
    return represent(
        job_requests.request_state(loader(), request_id), table=False, cache="max-age=0"
    )
