"""Health and status: liveness, readiness and the state of the service."""

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
    "health", __name__, tag={"name": "Service", "description": "Health and status."}
)


@blueprint.get("/v1/status")
@blueprint.input(queries.NoQuery, location="query")
@blueprint.output(status_schemas.Status)
def status(query_data: queries.NoQuery) -> Response:  # noqa: ARG001
    """Get data freshness, problems and job status."""
    return represent(answers.status(loader()), rows=None, max_age_seconds=0)


@blueprint.get("/livez")
@blueprint.input(queries.NoQuery, location="query")
@blueprint.output(status_schemas.Health)
def livez(query_data: queries.NoQuery) -> Response:  # noqa: ARG001
    """Liveness check."""
    return represent({"status": "alive"}, rows=None, max_age_seconds=0)


@blueprint.get("/readyz")
@blueprint.input(queries.NoQuery, location="query")
@blueprint.output(status_schemas.Health)
def readyz(query_data: queries.NoQuery) -> Response:  # noqa: ARG001
    """Readiness check: database reachable and a forecast exists."""
    if not answers.is_ready(loader()):
        raise NotReady
    return represent({"status": "ready"}, rows=None, max_age_seconds=0)
