"""All errors as RFC 9457 problem details, or as a page if preferred."""

__all__ = ["Problem", "ProblemDetails", "error_response", "register_errors"]

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apiflask import APIFlask, HTTPError
from flask import Response, make_response, render_template, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from service.answers.errors import BadQuestion, NoAnswer, NotFound, NotPossible, NotReady
from service.api.media_types import HTML, PROBLEM, preferred_type
from service.api.schemas import Open
from service.core.database import Unavailable
from service.core.validation import explain_invalid

_OF_PROGRAMS = ("/v1", "/grafana", "/openapi", "/metrics", "/docs", "/livez", "/readyz")
"""Paths whose errors are never pages."""
_STATUS: dict[type[NoAnswer], int] = {NotFound: 404, NotPossible: 409, NotReady: 503}
_RETRY_SECONDS = 10
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Problem(Exception):
    """An error response."""

    status: int
    detail: str  # what was expected and what was found
    errors: Sequence[dict[str, str]] = ()  # name and detail of each invalid parameter
    headers: Mapping[str, str] = field(default_factory=dict)


class ErrorItem(Open):
    """An invalid parameter."""

    name: str
    detail: str


class ProblemDetails(Open):
    """An error as RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[ErrorItem] = []


def register_errors(app: APIFlask) -> None:
    """Handle all errors of the application, the framework and the blueprints."""
    app.error_processor(error_response)
    app.register_error_handler(HTTPException, error_response)
    app.register_error_handler(Exception, error_response)


def error_response(error: Exception) -> Response:
    """Return `error` as problem details, or as a page."""
    problem = _problem(error)
    content: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTP_STATUS_CODES[problem.status],
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.path,
    }
    if problem.errors:
        content["errors"] = problem.errors
    is_page = not request.path.startswith(_OF_PROGRAMS)
    if is_page and preferred_type(PROBLEM, HTML) == HTML:
        page = render_template("error.html", **content, is_waiting=isinstance(error, NotReady))
        response = make_response(page, problem.status)
    else:
        response = Response(json.dumps(content), problem.status, content_type=PROBLEM)
    if is_page:
        response.vary.add("Accept")
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(problem.headers)
    return response


def _problem(error: Exception) -> Problem:
    """Return the problem for any exception; log those that are not the client's fault."""
    again = {"Retry-After": str(_RETRY_SECONDS)}
    if isinstance(error, Problem):
        return error
    if isinstance(error, BadQuestion):
        return Problem(400, str(error), [{"name": error.name, "detail": str(error)}])
    if isinstance(error, NoAnswer):
        status = next(code for kind, code in _STATUS.items() if isinstance(error, kind))
        return Problem(status, str(error), headers=again if status == 503 else {})
    if isinstance(error, Unavailable):
        _log.error("no answer from the %s", error)
        return Problem(503, "the database is not available", headers=again)
    if isinstance(error, HTTPError):
        return _invalid_input(error)
    if isinstance(error, HTTPException):
        headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
        is_unknown = error.code == 404 and request.url_rule is None
        detail = "there is nothing at this address: check the spelling" if is_unknown else ""
        return Problem(error.code or 500, detail or error.description or "", headers=headers)
    # Log the route rather than the path, which may contain a token.
    route = request.url_rule.rule if request.url_rule else "no route"
    _log.exception("unexpected error at %s", route, exc_info=error)
    return Problem(500, "an unexpected error, which has been logged")


def _invalid_input(error: HTTPError) -> Problem:
    """Convert the framework's validation errors of parameters and bodies."""
    cause = error.__cause__
    assert isinstance(cause, ValidationError)  # nothing else here raises such an error
    place = "body" if "json" in error.detail else "query"
    errors = [
        {
            "name": ".".join(map(str, one["loc"])) or place,
            "detail": explain_invalid(one["msg"], one["input"] if one["loc"] else ...),
        }
        for one in cause.errors()
    ]
    detail = "; ".join(f"{one['name']}: {one['detail']}" for one in errors)
    return Problem(error.status_code, detail, errors)
