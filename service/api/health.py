"""Whether the process lives, whether it can answer, and how the service is."""

from __future__ import annotations

__all__ = ["blueprint"]

from apiflask import APIBlueprint
from flask import Response

from service.answers import status as answers
from service.answers.errors import NotReady
from service.api import queries, status_schemas
from service.api.representation import represent
from service.api.responses import loader

blueprint = APIBlueprint(
    "health",
    __name__,
    tag={"name": "Service", "description": "Whether it lives, and how it is."},
)


@blueprint.get("/v1/status")
@blueprint.input(queries.NoQuery, location="query")
@blueprint.output(status_schemas.Status)
def status(query_data: queries.NoQuery) -> Response:  # noqa: ARG001
    """Say how fresh each series is, what is wrong, and how the jobs fare."""
    return represent(answers.status(loader()), rows=None, max_age_seconds=0)


@blueprint.get("/livez")
@blueprint.input(queries.NoQuery, location="query")
@blueprint.output(status_schemas.Health)
def livez(query_data: queries.NoQuery) -> Response:  # noqa: ARG001
    """Answer while the process lives."""
    return represent({"status": "alive"}, rows=None, max_age_seconds=0)


@blueprint.get("/readyz")
@blueprint.input(queries.NoQuery, location="query")
@blueprint.output(status_schemas.Health)
def readyz(query_data: queries.NoQuery) -> Response:  # noqa: ARG001
    """Answer when the store can be read and an issue exists, however old."""
    if not answers.is_ready(loader()):
        raise NotReady("nothing is published yet: the first refit is still to come")
    return represent({"status": "ready"}, rows=None, max_age_seconds=0)
