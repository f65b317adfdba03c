"""``/v1/jobs``: request jobs, which the scheduler runs."""

__all__ = ["blueprint"]

import datetime as dt
from typing import Any, Literal

from apiflask import APIBlueprint
from flask import Response, g, url_for
from pydantic import Field

from service.answers.errors import NotFound
from service.api.media_types import JSON
from service.api.query_types import Name
from service.api.questions import Query, question
from service.api.responses import loader, render, reply
from service.api.schemas import Open
from service.core import run_store
from service.core.run_store import Run

_MOST_IDS = 2**31
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


class JobQuery(Query):
    """The route of a job request."""

    route: Name = Field("", description="An enabled route. Default: the first.")


@blueprint.post("/<job>")
@blueprint.input(JobQuery, location="query")
@blueprint.output(JobRequest, status_code=202)
def ask(job: str, query_data: JobQuery) -> Response:
    """Request a job; returns the pending request if there is one."""
    context, now = loader().context, loader().clock()
    routes = [one.name for one in context.routes]
    route = query_data.route or routes[0]
    for kind, name, known in (("jobs", job, run_store.REQUESTABLE), ("routes", route, routes)):
        if name not in known:
            raise NotFound(f"expected one of the {kind} {', '.join(known)}, found {name[:40]!r}")
    with context.database.writing() as connection:
        run = run_store.request_run(connection, job, g.key.name, now, route)
    answer = reply(render(_row(run), JSON), "no-store")
    answer.status_code = 202
    answer.headers["Location"] = url_for("jobs.state", request_id=run.run_id)
    return answer


@question(blueprint, "/requests/<int:request_id>", JobRequest, cache="max-age=0")
def state(request_id: int) -> dict[str, Any]:
    """Get the status of a job request: waiting, running, done, skipped or failed."""
    with loader().context.database.reading() as connection:
        run = run_store.get_request(connection, request_id) if request_id < _MOST_IDS else None
    if run is None:
        raise NotFound(f"no request {request_id} exists")
    return _row(run)


def _row(run: Run) -> dict[str, Any]:
    row = {name: getattr(run, name, None) for name in JobRequest.model_fields}
    row |= {"request_id": run.run_id, "claimed_at": run.started_at}
    if run.outcome in ("waiting", "stopped"):  # which is claimed again
        row |= {"outcome": "waiting", "claimed_at": None, "finished_at": None, "reason": None}
    return JobRequest.model_validate(row).model_dump(mode="json")
