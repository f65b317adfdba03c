"""The web application."""

from __future__ import annotations

__all__ = ["create_app"]

import datetime as dt
from collections.abc import Callable
from importlib import metadata
from typing import Any

from apiflask import APIFlask
from flask import Response, request

from service import dashboard
from service.answers.desk import Desk
from service.api import health, schemas, series
from service.api.compression import compress
from service.api.errors import Problem, register_errors
from service.clock import utc_now
from service.context import Context

_LARGEST_BODY_BYTES = 64 * 1024
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
}
_DESCRIPTION = """
Probability forecasts of daily small boat arrivals in the United Kingdom. Every band, total and
probability is read off one set of joint sample paths, frozen as an issue. New keys may appear in
answers; those that are here stay.
"""


def create_app(context: Context, clock: Callable[[], dt.datetime] = utc_now) -> APIFlask:
    """Build the application over the database of `context`; it reads and never starts work."""
    app = APIFlask(
        __name__,
        title="Channel crossings forecast",
        version=metadata.version("channel-crossings-forecast"),
        spec_path="/openapi.json",
        docs_path=None,
        static_folder=None,  # type: ignore[arg-type]
    )
    app.config.update(
        MAX_CONTENT_LENGTH=_LARGEST_BODY_BYTES,
        VALIDATION_ERROR_STATUS_CODE=400,
        VALIDATION_ERROR_DESCRIPTION="A parameter outside what can be asked",
        VALIDATION_ERROR_SCHEMA=schemas.ProblemDetails.model_json_schema(),
        HTTP_ERROR_SCHEMA=schemas.ProblemDetails.model_json_schema(),
        AUTO_SERVERS=False,
        DESCRIPTION=_DESCRIPTION.strip(),
    )
    app.url_map.merge_slashes = False  # a redirect would be the one answer that is no problem
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["desk"] = Desk(context, clock)
    app.register_blueprint(series.blueprint)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(dashboard.blueprint)
    register_errors(app)
    app.spec_processor(_name_problems)
    app.before_request(_refuse_large_bodies)
    app.before_request(_refuse_repeated_parameters)
    app.after_request(_add_headers)
    app.after_request(compress)
    return app


def _name_problems(spec: dict[str, Any] | str) -> dict[str, Any] | str:
    """Errors are problem details, which the framework cannot be told."""
    assert isinstance(spec, dict)  # a text only when YAML is asked for
    for path in spec["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                content = answer.get("content", {})
                if int(status) >= 400 and "application/json" in content:
                    content["application/problem+json"] = content.pop("application/json")
    return spec


def _refuse_large_bodies() -> None:
    """Before anyone reads them; most paths never would."""
    if (request.content_length or 0) > _LARGEST_BODY_BYTES:
        raise Problem(413, f"expected a body of at most {_LARGEST_BODY_BYTES:,} bytes")


def _refuse_repeated_parameters() -> None:
    for name, values in request.args.lists():
        if len(values) > 1:
            detail = f"expected {name[:40]!r} once, found it {len(values)} times"
            raise Problem(400, detail, [{"name": name[:40], "detail": detail}])


def _add_headers(answer: Response) -> Response:
    for name, value in _HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer
