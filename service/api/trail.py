"""The trail of a request: an id that the reader is told, in every log line and in its span."""

from __future__ import annotations

__all__ = ["register_trail"]

import logging
import re
import secrets
import time

from flask import Flask, Response, g, request

from service.api.spans import tracer
from service.logs import request_id
from service.settings import Settings

HEADER = "X-Request-Id"
# As proxies make them; anything else could be a line of its own, or as long as a book.
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,63}")
_log = logging.getLogger(__name__)


def register_trail(app: Flask, settings: Settings) -> None:
    """Give each request its id, and log it when it fails, or always where that is wanted.

    Of a request the log and the span hold the route and never the path: a path may carry a token.
    """
    spans = tracer(settings)
    logs_all = settings.log_requests == "all"

    def begin() -> None:
        given = request.headers.get(HEADER, "")
        g.request_id = given if _SANE.fullmatch(given) else secrets.token_hex(8)
        request_id.set(g.request_id)
        g.began_at = time.perf_counter()
        g.span = spans.begin(request.headers.get("traceparent")) if spans else None

    def end(answer: Response) -> Response:
        answer.headers[HEADER] = g.request_id
        route = request.url_rule.rule if request.url_rule else "none"
        if g.span is not None:
            g.span.end(request.method, route, answer.status_code, g.request_id)
        if logs_all or answer.status_code >= 500:
            milliseconds = round((time.perf_counter() - g.began_at) * 1000, 1)
            level = logging.WARNING if answer.status_code >= 500 else logging.INFO
            method = request.method[:16]
            said = {"route": route, "status": answer.status_code, "milliseconds": milliseconds}
            _log.log(
                level,
                "%s %s: %d in %.1f ms",
                *(method, route, answer.status_code, milliseconds),
                extra={"fields": {"method": method} | said},
            )
        return answer

    def leave(error: BaseException | None) -> None:  # noqa: ARG001
        request_id.set("")  # the thread goes on to another

    app.before_request(begin)
    app.after_request(end)
    app.teardown_request(leave)
