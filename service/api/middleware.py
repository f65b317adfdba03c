"""Request validation and response headers."""

__all__ = ["CONTENT_POLICY", "LARGEST_BODY_BYTES", "register_middleware"]

from collections.abc import Iterable

from flask import Flask, Response, request

from service.answers.errors import BadQuestion
from service.api.errors import Problem
from service.api.responses import STATE_HEADERS
from service.core.secrets import CONTROL_CHARACTERS
from service.core.settings import Settings
from service.data.source import SourceError, parse_json

LARGEST_BODY_BYTES = 64 * 1024
_FRAMED_BY_NOBODY = "frame-ancestors 'none'"
CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    f"connect-src 'self'; base-uri 'none'; form-action 'self'; {_FRAMED_BY_NOBODY}"
)
_UNLESS_SET = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": CONTENT_POLICY,
}
_SHOWN_TO_PAGES = ", ".join(
    ("ETag", "Link", "Location", "Retry-After", "X-Request-Id", *STATE_HEADERS.values())
)


def register_middleware(app: Flask, settings: Settings) -> None:
    """Reject oversized, repeated or non-text input; add the security headers."""
    origins = _listed(settings.cors_origins)
    framing = " ".join(_listed(settings.embed_origins))
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY_BYTES
    app.url_map.merge_slashes = False  # the redirect would not be a problem document
    app.before_request(_reject_invalid_request)

    def finish(answer: Response) -> Response:
        given = set(answer.headers.keys())
        answer.headers.extend([item for item in _UNLESS_SET.items() if item[0] not in given])
        if framing and request.path.startswith("/embed/"):
            del answer.headers["X-Frame-Options"]  # it cannot allow an origin
            answer.headers["Content-Security-Policy"] = CONTENT_POLICY.replace(
                _FRAMED_BY_NOBODY, f"frame-ancestors {framing}"
            )
        if origins:
            _allow_cross_origin(answer, origins)
        return answer

    app.after_request(finish)


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _reject_invalid_request() -> None:
    # Check all parameters here; most paths never read them.
    if (request.content_length or 0) > LARGEST_BODY_BYTES:
        raise Problem(413, f"expected a body of at most {LARGEST_BODY_BYTES:,} bytes")
    _reject_control_characters("path", [request.path])
    for name, values in request.args.lists():
        _reject_control_characters(name, [name, *values])
        if len(values) > 1:
            raise BadQuestion(name[:40], "one value", f"{len(values)}")
    if request.path.startswith(("/v1/", "/grafana/")):
        if request.method == "POST":
            _reject_other_bodies()
    else:
        for name, value in request.form.items(multi=True):
            _reject_control_characters(name, [name, value])


def _reject_other_bodies() -> None:
    """Accept no body but a JSON object; its schema rejects control characters."""
    if not request.is_json:
        if request.get_data():
            mimetype = request.mimetype[:40] or "none"
            raise Problem(415, f"expected Content-Type: application/json, found {mimetype}")
        return
    try:
        body = parse_json(request.get_data(), "body")
    except SourceError as error:
        raise BadQuestion("body", "valid JSON", error.actual) from None
    if not isinstance(body, dict):
        raise BadQuestion("body", "expected a JSON object")


def _reject_control_characters(where: str, texts: Iterable[str]) -> None:
    if any(map(CONTROL_CHARACTERS.search, texts)):
        name = CONTROL_CHARACTERS.sub("\ufffd", where)[:40]
        raise BadQuestion(name, "expected text, found a control character")


def _allow_cross_origin(answer: Response, origins: list[str]) -> None:
    """Allow cross-origin reads from the configured `origins`, without browser credentials."""
    answer.vary.add("Origin")
    origin = request.headers.get("Origin", "")
    if origin not in origins:
        return
    answer.headers["Access-Control-Allow-Origin"] = origin
    answer.headers["Access-Control-Expose-Headers"] = _SHOWN_TO_PAGES
    if request.method == "OPTIONS":
        answer.headers["Access-Control-Allow-Methods"] = "GET, HEAD, POST"
        answer.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        answer.headers["Access-Control-Max-Age"] = "600"
