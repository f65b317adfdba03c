"""Request ids: in the answer, in every log line and in the span."""

__all__ = ["register_request_log", "route"]

import logging
import re
import secrets
import time

from flask import Flask, Response, g, request

from service.core.logs import request_id
from service.core.settings import Settings

HEADER = "X-Request-Id"
# As proxies generate them; other values could be long or contain line breaks.
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,63}")
_log = logging.getLogger(__name__)


def register_request_log(app: Flask, settings: Settings) -> None:
    """Give each request its id before anything else; log failed requests, or all.

    Logs the route, never the path, which may contain a token.
    """
    logs_all = settings.log_requests == "all"

    def begin() -> None:
        given = request.headers.get(HEADER, "")
        request_id.set(given if _SANE.fullmatch(given) else secrets.token_hex(8))
        g.began = time.perf_counter()

    def end(answer: Response) -> Response:
        answer.headers.add(HEADER, request_id.get())
        failed = answer.status_code >= 500
        if failed or logs_all:
            fields = {
                "method": request.method[:16],
                "route": route(),
                "status": answer.status_code,
                "milliseconds": round((time.perf_counter() - g.began) * 1000, 1),
            }
            level = logging.WARNING if failed else logging.INFO
            _log.log(level, "%s %s: %d in %.1f ms", *fields.values(), extra={"fields": fields})
        return answer

    def leave(error: BaseException | None) -> None:  # noqa: ARG001
        request_id.set("")  # the thread is reused

    app.before_request(begin)
    app.after_request(end)
    app.teardown_request(leave)


def route() -> str:
    """Return the route of this request, or one name for unmatched paths."""
    return request.url_rule.rule if request.url_rule else "none"
