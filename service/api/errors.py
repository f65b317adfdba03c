"""Every error as RFC 9457 problem details."""

from __future__ import annotations

__all__ = ["Problem", "register_errors"]

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from apiflask import APIFlask, HTTPError
from flask import Response, request
from werkzeug.exceptions import HTTPException

from service.answers.errors import BadQuestion, NotFound, NotPossible, NotReady
from service.core.database import Unavailable

_RETRY_SECONDS = 10
_log = logging.getLogger(__name__)


class Problem(Exception):
    """An answer that is an error.

    Attributes
    ----------
    status : int
    detail : str
        What was expected and what was found.
    errors : sequence of dict
        ``name`` and ``detail`` of each parameter at fault.
    headers : dict
        Beside those that every error has.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[dict[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        super().__init__(detail)


def register_errors(app: APIFlask) -> None:
    """Answer every error as ``application/problem+json``; the catch-all comes last."""
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(BadQuestion, _bad_question)
    app.register_error_handler(NotFound, _not_found)
    app.register_error_handler(NotPossible, _not_possible)
    app.register_error_handler(NotReady, _not_ready)
    app.register_error_handler(Unavailable, _no_database)
    app.error_processor(_bad_parameters)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _problem(error: Problem) -> Response:
    answer = _answer(error.status, error.detail, error.errors)
    answer.headers.update(error.headers)
    return answer


def _bad_question(error: BadQuestion) -> Response:
    return _answer(400, str(error), [{"name": error.name, "detail": str(error)}])


def _not_found(error: NotFound) -> Response:
    return _answer(404, str(error))


def _not_possible(error: NotPossible) -> Response:
    return _answer(409, str(error))


def _not_ready(error: NotReady) -> Response:
    return _answer(503, str(error), retry_after=_RETRY_SECONDS)


def _no_database(error: Unavailable) -> Response:
    _log.error("no answer from the %s", error)
    return _answer(503, "the database does not answer", retry_after=_RETRY_SECONDS)


def _bad_parameters(error: HTTPError) -> Response:
    """What the framework finds wrong with parameters and bodies."""
    found = error.detail if isinstance(error.detail, dict) else {}
    errors = [
        {
            "name": "query" if name == "_schema" else name,
            # pydantic puts this before the text of a rule of our own
            "detail": "; ".join(str(m).removeprefix("Value error, ") for m in messages),
        }
        for location in found.values()
        for name, messages in location.items()
    ]
    detail = "; ".join(f"{e['name']}: {e['detail']}" for e in errors) or error.message or ""
    return _answer(error.status_code, detail, errors)


def _http(error: HTTPException) -> Response:
    answer = _answer(error.code or 500, error.description or "")
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            answer.headers[name] = value
    return answer


def _unexpected(error: Exception) -> Response:
    # The route and not the path, which may carry a token.
    route = request.url_rule.rule if request.url_rule else "no route"
    _log.exception("unexpected error at %s", route, exc_info=error)
    return _answer(500, "an unexpected error, which has been logged")


def _answer(
    status: int,
    detail: str,
    errors: Sequence[dict[str, str]] = (),
    retry_after: int | None = None,
) -> Response:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.path,
    }
    if errors:
        body["errors"] = list(errors)
    answer = Response(json.dumps(body), status, content_type="application/problem+json")
    answer.headers["Cache-Control"] = "no-store"
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    return answer
