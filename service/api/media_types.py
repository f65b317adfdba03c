"""Content negotiation: the preferred media type."""

__all__ = ["CSV", "HTML", "JSON", "NDJSON", "PROBLEM", "RECORDS", "preferred_type"]

import re

from flask import request
from werkzeug.datastructures import MIMEAccept

CSV, HTML, JSON, PROBLEM = "text/csv", "text/html", "application/json", "application/problem+json"
NDJSON = "application/x-ndjson"
# A separate type: OpenAPI allows only one schema for `application/json`.
RECORDS = "application/vnd.crossings.records+json"
_OF_ALL = re.compile("; *(charset=utf-8|header=present)", re.IGNORECASE)  # of all our answers


def preferred_type(*offers: str) -> str | None:
    """Return the offer that the Accept header prefers; None if none fits.

    Of equals, it is one that the header names, or else the first.
    """
    accepted = MIMEAccept(
        [(_OF_ALL.sub("", name), quality) for name, quality in request.accept_mimetypes]
    )
    if not accepted:
        return offers[0]
    named = {*accepted.values()}
    best = max(offers, key=lambda offer: (accepted.quality(offer), offer in named))
    return best if accepted.quality(best) else None
