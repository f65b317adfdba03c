"""Request validation and response headers."""

from __future__ import annotations

__all__ = ["CONTENT_POLICY", "register_middleware"]

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request

from service.api.errors import Problem
from service.api.representation import STATE_HEADERS
from service.core.secrets import CONTROL_CHARACTERS
from service.core.settings import Settings
from service.data.source import SourceError, parse_json

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LARGEST_BODY_BYTES = 64 * 1024
CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": CONTENT_POLICY,
}
_SHOWN_TO_PAGES = ", ".join(
    ("ETag", "Link", "Location", "Retry-After", "X-Request-Id", *STATE_HEADERS.values())
)


def register_middleware(app: Flask, settings: Settings) -> None:
    """Reject oversized, repeated or non-text input; add the security headers."""
    origins = {one.strip() for one in settings.cors_origins.split(",") if one.strip()}
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY_BYTES
    app.url_map.merge_slashes = False  # the redirect would not be a problem document
    app.before_request(_reject_invalid_request)

    def finish(answer: Response) -> Response:
        if request.method == "OPTIONS" and answer.status_code == 200:
            answer.status_code, answer.data = 204, b""
            del answer.headers["Content-Type"]
        if origins:
            _allow_cross_origin(answer, origins)
        return answer

    app.after_request(finish)
    app.wsgi_app = _add_security_headers(app.wsgi_app, settings.embed_origins)  # type: ignore[assignment, method-assign]


def _add_security_headers(wsgi_app: WSGIApplication, embed_origins: str) -> WSGIApplication:
    """Add the security headers that a view has not set."""
    framing = " ".join(one.strip() for one in embed_origins.split(",") if one.strip())
    framed = _HEADERS | {
        "Content-Security-Policy": CONTENT_POLICY.replace(
            "frame-ancestors 'none'", f"frame-ancestors {framing}"
        )
    }
    del framed["X-Frame-Options"]  # it cannot allow an origin

    def secured(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "").lstrip("/")  # as Flask reads it
        is_framed = bool(framing) and path.startswith("embed/")
        headers = framed if is_framed else _HEADERS

        def start(status: str, given: list[tuple[str, str]], *exc_info: Any) -> Any:
            names = {name.lower() for name, _ in given}
            more = [item for item in headers.items() if item[0].lower() not in names]
            return start_response(status, [*given, *more], *exc_info)

        return wsgi_app(environ, start)

    return secured


def _reject_invalid_request() -> None:
    # Check all parameters here; most paths never read them.
    if (request.content_length or 0) > LARGEST_BODY_BYTES:
        raise Problem(413, f"expected a body of at most {LARGEST_BODY_BYTES:,} bytes")
    _reject_control_characters("path", [request.path])
    for name, values in request.args.lists() if request.query_string else ():
        _reject_control_characters(name, [name, *values])
        if len(values) > 1:
            detail = f"expected {name[:40]!r} once, found it {len(values)} times"
            raise Problem(400, detail, [{"name": name[:40], "detail": detail}])
    if request.method == "POST" and request.get_data():
        for name, value in request.form.items(multi=True):
            _reject_control_characters(name, [name, value])
        _reject_other_bodies()


def _reject_other_bodies() -> None:
    # Form posts and one-click unsubscribes are validated elsewhere.
    if request.blueprint == "subscriptions" or not request.path.startswith(("/v1/", "/grafana/")):
        return
    if not request.is_json:
        mimetype = request.mimetype[:40] or "none"
        raise Problem(415, f"expected Content-Type: application/json, found {mimetype}")
    try:
        body = parse_json(request.get_data(), "body")
    except SourceError as error:
        raise _wrong_body(f"expected a body of valid JSON, found {error.actual}") from None
    if not isinstance(body, dict):
        raise _wrong_body("expected a JSON object")
    _reject_control_characters("body", _texts(body))


def _wrong_body(detail: str) -> Problem:
    return Problem(400, detail, [{"name": "body", "detail": detail}])


def _reject_control_characters(where: str, texts: Iterable[str]) -> None:
    character = next((c[0] for c in map(CONTROL_CHARACTERS.search, texts) if c), None)
    if character is not None:
        name = CONTROL_CHARACTERS.sub("\ufffd", where)[:40]
        detail = f"expected text, found the control character U+{ord(character):04X} in {name!r}"
        raise Problem(400, detail, [{"name": name, "detail": detail}])


def _texts(body: Any) -> Iterator[str]:
    """Yield every string in a JSON body, including keys."""
    rest = [body]  # iterative: a body may be deeply nested
    while rest:
        value = rest.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from value
            rest += value.values()
        elif isinstance(value, list):
            rest += value


def _allow_cross_origin(answer: Response, origins: set[str]) -> None:
    """Allow cross-origin reads from the configured `origins`, without browser credentials."""
    answer.vary.add("Origin")
    origin = request.headers.get("Origin", "")
    if origin not in origins:
        return
    answer.headers["Access-Control-Allow-Origin"] = origin
    answer.headers["Access-Control-Expose-Headers"] = _SHOWN_TO_PAGES
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        answer.headers["Access-Control-Allow-Methods"] = "GET, HEAD, POST"
        answer.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        answer.headers["Access-Control-Max-Age"] = "600"
