"""Content negotiation: the preferred media type."""

__all__ = ["CSV", "HTML", "JSON", "NDJSON", "PROBLEM", "RECORDS", "preferred_type"]

from flask import request
from werkzeug.http import parse_options_header

CSV, HTML, JSON, PROBLEM = "text/csv", "text/html", "application/json", "application/problem+json"
NDJSON = "application/x-ndjson"
# A separate type: OpenAPI allows only one schema for `application/json`.
RECORDS = "application/vnd.crossings.records+json"
_UTF_8 = {"charset": "utf-8"}
# Parameters that hold even if the Content-Type does not state them.
_PARAMETERS = {CSV: _UTF_8 | {"header": "present"}}


def preferred_type(*offers: str) -> str | None:
    """Return the offer that the Accept header prefers, the first of equals; None if none fits.

    The most specific range that matches an offer counts, and all its parameters must match. A
    header without a valid range allows everything (RFC 9110, section 12.5.1).
    """
    ranges = [(*_parsed(text), quality) for text, quality in request.accept_mimetypes]
    ranges = [one for one in ranges if "/" in one[0]]
    if not ranges:
        return offers[0]
    best, best_rank = None, (0.0, (0, 0))
    for offer in offers:
        of_type = f"{offer.partition('/')[0]}/*"
        holds = _PARAMETERS.get(offer, _UTF_8).items()
        matches = [
            ((("*/*", of_type, offer).index(name), len(parameters)), quality)
            for name, parameters, quality in ranges
            if name in ("*/*", of_type, offer) and parameters.items() <= holds
        ]
        specificity, quality = max(matches, default=((0, 0), 0.0))
        if quality > 0 and (quality, specificity) > best_rank:
            best, best_rank = offer, (quality, specificity)
    return best


def _parsed(text: str) -> tuple[str, dict[str, str]]:
    name, parameters = parse_options_header(text)
    return name.lower(), {key: value.lower() for key, value in parameters.items()}
