"""What is refused before anyone reads it, and what every answer says beside itself."""

from __future__ import annotations

__all__ = ["CONTENT_POLICY", "deprecated", "register_doors"]

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask, Response, make_response, request
from werkzeug.exceptions import BadRequest

from service.api.errors import Problem
from service.core.secrets import CONTROL_CHARACTERS
from service.core.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LARGEST_BODY_BYTES = 64 * 1024
CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ("Content-Security-Policy", CONTENT_POLICY),
)
_SHOWN_TO_PAGES = (
    "ETag, Link, Location, Retry-After, X-Crossings-Status, X-Crossings-Issue-Id, X-Request-Id"
)
F = TypeVar("F", bound=Callable[..., Any])


def register_doors(app: Flask, settings: Settings) -> None:
    """Refuse what is too large, repeated or not text; add the headers of safety."""
    origins = {one.strip() for one in settings.cors_origins.split(",") if one.strip()}
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY_BYTES
    app.url_map.merge_slashes = False  # a redirect would be the one answer that is no problem
    app.before_request(_refuse)
    framing = " ".join(one.strip() for one in settings.embed_origins.split(",") if one.strip())
    app.wsgi_app = _Safe(app.wsgi_app, framing)  # type: ignore[method-assign]

    def finish(answer: Response) -> Response:
        if request.method == "OPTIONS" and answer.status_code == 200:
            answer.status_code, answer.data = 204, b""
            del answer.headers["Content-Type"]
        if origins:
            _share(answer, origins)
        return answer

    app.after_request(finish)


class _Safe:
    """Adds the headers of safety to every answer that does not have its own.

    Below the framework, whose headers are checked one by one: these are always the same.
    """

    def __init__(self, below: WSGIApplication, framing: str) -> None:
        self._below = below
        self._framed = tuple(
            (name, value.replace("frame-ancestors 'none'", f"frame-ancestors {framing}"))
            for name, value in _HEADERS
            if name != "X-Frame-Options"  # it cannot name an origin
        )
        self._is_framed = bool(framing)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_framed = self._is_framed and environ.get("PATH_INFO", "").startswith("/embed/")
        safe = self._framed if is_framed else _HEADERS

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            there = {name for name, _ in headers}
            added = [pair for pair in safe if pair[0] not in there]
            return start_response(status, headers + added, *more)

        return self._below(environ, start)


def deprecated(
    since: dt.date, sunset: dt.date | None = None, successor: str = ""
) -> Callable[[F], F]:
    """Mark a view: it still answers as ever, and says since when it should not be used.

    References
    ----------
    RFC 9745 (Deprecation), RFC 8594 (Sunset), RFC 8288 (successor-version).
    """
    moment = dt.datetime.combine(since, dt.time(), dt.UTC)

    def mark(view: F) -> F:
        @wraps(view)
        def marked(*args: Any, **kwargs: Any) -> Response:
            answer = make_response(view(*args, **kwargs))
            answer.headers["Deprecation"] = f"@{int(moment.timestamp())}"
            if sunset:
                answer.headers["Sunset"] = f"{sunset:%a, %d %b %Y} 00:00:00 GMT"
            if successor:
                answer.headers.add("Link", f'<{successor}>; rel="successor-version"')
            return answer

        return marked  # type: ignore[return-value]

    return mark


def _refuse() -> None:
    _refuse_large_bodies()
    _refuse_control_characters("path", [request.path])
    _refuse_repeated_parameters()
    for name, value in request.args.items() if request.query_string else ():
        _refuse_control_characters(name, [name, value])
    if request.method == "POST" and request.get_data():
        for name, value in request.form.items(multi=True):
            _refuse_control_characters(name, [name, value])
        _refuse_other_bodies()


def _refuse_large_bodies() -> None:
    """Before anyone reads them; most paths never would."""
    if (request.content_length or 0) > LARGEST_BODY_BYTES:
        raise Problem(413, f"expected a body of at most {LARGEST_BODY_BYTES:,} bytes")


def _refuse_repeated_parameters() -> None:
    for name, values in request.args.lists() if request.query_string else ():
        if len(values) > 1:
            detail = f"expected {name[:40]!r} once, found it {len(values)} times"
            raise Problem(400, detail, [{"name": name[:40], "detail": detail}])


def _refuse_other_bodies() -> None:
    # Forms of the pages are their own business.
    if not request.path.startswith(("/v1/", "/grafana/")):
        return
    if request.blueprint == "subscriptions":  # forms of the page, and one click of a mail program
        return
    if not request.is_json:
        found = request.mimetype[:40] or "none"
        raise Problem(415, f"expected Content-Type: application/json, found {found}")
    try:
        body = request.get_json()  # kept for whoever reads it next
    except (BadRequest, RecursionError):
        raise _wrong_body("expected a body of JSON, found none that can be read") from None
    if not isinstance(body, dict):
        raise _wrong_body("expected a JSON object")
    _refuse_control_characters("body", _texts(body))


def _wrong_body(detail: str) -> Problem:
    return Problem(400, detail, [{"name": "body", "detail": detail}])


def _refuse_control_characters(where: str, texts: Iterable[str]) -> None:
    character = next((c[0] for c in map(CONTROL_CHARACTERS.search, texts) if c), None)
    if character is not None:
        name = CONTROL_CHARACTERS.sub("\ufffd", where)[:40]
        detail = f"expected text, found the control character U+{ord(character):04X} in {name!r}"
        raise Problem(400, detail, [{"name": name, "detail": detail}])


def _texts(body: Any) -> Iterator[str]:
    """Every text in a body of JSON, names included."""
    rest = [body]  # no recursion: a body may be nested as deep as Python allows
    while rest:
        value = rest.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from value
            rest += value.values()
        elif isinstance(value, list):
            rest += value


def _share(answer: Response, origins: set[str]) -> None:
    """Let pages of the `origins` that are set read; credentials of a browser are never used."""
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
