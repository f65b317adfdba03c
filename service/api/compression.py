"""Answers compressed with gzip for readers that take it."""

from __future__ import annotations

__all__ = ["compress"]

import gzip

from flask import Response, request

_LEAST_BYTES = 600
_TYPES = {
    "text/html",
    "text/css",
    "text/csv",
    "text/javascript",
    "image/svg+xml",
    "application/json",
    "application/problem+json",
}


def compress(answer: Response) -> Response:
    """Compress `answer` if its reader takes gzip and it is worth the while.

    The compressed bytes are another representation, so that they get a tag of their own, and
    whether the reader has them already is asked again. What carries a cookie stays as it is.
    """
    if answer.mimetype not in _TYPES:
        return answer
    vary = answer.headers.get("Vary")
    if vary is None or "Accept-Encoding" not in vary:
        answer.headers["Vary"] = f"{vary}, Accept-Encoding" if vary else "Accept-Encoding"
    if "Accept-Encoding" not in request.headers or not _worthwhile(answer):
        return answer
    if request.accept_encodings["gzip"] <= 0:
        return answer
    answer.direct_passthrough = False
    content = answer.get_data()
    if len(content) < _LEAST_BYTES:
        return answer
    answer.set_data(gzip.compress(content, 6, mtime=0))
    answer.headers["Content-Encoding"] = "gzip"
    tag, weak = answer.get_etag()
    if tag:
        answer.set_etag(tag if weak else f"{tag}-gzip", weak=bool(weak))
        answer.make_conditional(request)
    return answer


def _worthwhile(answer: Response) -> bool:
    return (
        request.method == "GET"
        and answer.status_code in (200, 400, 404, 503)
        and "Content-Encoding" not in answer.headers
        and "Set-Cookie" not in answer.headers
    )
