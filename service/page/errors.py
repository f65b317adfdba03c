"""Error pages for browsers, and problem details for programs."""

from __future__ import annotations

__all__ = ["register"]

import json
import logging
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from service.answers.errors import BadQuestion, NotFound, NotPossible, NotReady
from service.core.database import Unavailable

_RETRY_SECONDS = 10
_PROBLEM = "application/problem+json"
_log = logging.getLogger(__name__)


def register(blueprint: Blueprint) -> None:
    """Register the error handler."""
    blueprint.register_error_handler(Exception, _wrong)


def _wrong(error: Exception) -> Response:
    status, detail = _judge(error)
    details = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    waiting = isinstance(error, NotReady)
    if waiting or request.accept_mimetypes.best_match([_PROBLEM, "text/html"]) == "text/html":
        template = "waiting.html" if waiting else "wrong.html"
        answer = make_response(render_template(template, **details), status)
    else:
        problem = {"type": "about:blank"} | details | {"instance": request.path, **_fields(error)}
        answer = Response(json.dumps(problem), status, content_type=_PROBLEM)
    answer.vary.add("Accept")
    answer.headers["Cache-Control"] = "no-store"
    # Headers of the application, such as WWW-Authenticate and Retry-After.
    answer.headers.update(getattr(error, "headers", None) or {})
    if status == 503:
        answer.headers["Retry-After"] = str(_RETRY_SECONDS)
    if isinstance(error, HTTPException) and error.code == 405:
        answer.headers.extend(h for h in error.get_headers() if h[0] == "Allow")
    return answer


def _fields(error: Exception) -> dict[str, Any]:
    """Return the invalid parameters, if any."""
    if isinstance(error, BadQuestion):
        return {"errors": [{"name": error.name, "detail": str(error)}]}
    errors = getattr(error, "errors", None)
    return {"errors": errors} if errors else {}


def _judge(error: Exception) -> tuple[int, str]:
    if isinstance(error, BadQuestion):
        return 400, str(error)
    if isinstance(error, NotFound):
        return 404, str(error)
    if isinstance(error, NotPossible):
        return 409, str(error)
    if isinstance(error, NotReady):
        return 503, str(error)
    if isinstance(error, Unavailable):
        _log.error("no page from the %s", error)
        return 503, "the database is not available"
    if isinstance(error, HTTPException):
        return error.code or 500, error.description or ""
    status = getattr(error, "status", None)  # a problem that the application found on the way
    if isinstance(status, int):
        return status, str(error)
    _log.exception("unexpected error at %s", request.path, exc_info=error)
    return 500, "an unexpected error; it has been logged"
