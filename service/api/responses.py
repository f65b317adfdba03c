"""Answers over HTTP: their format, ETag and lifetime, and their common fields."""

__all__ = [
    "STATE_HEADERS",
    "Rendered",
    "choose_format",
    "compute_etag",
    "issue_fields",
    "loader",
    "render",
    "reply",
    "series_fields",
]

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Response, current_app, request
from werkzeug.http import quote_etag

from service.answers.issue_loader import IssueLoader, IssueView
from service.api.errors import Problem
from service.api.media_types import CSV, JSON, NDJSON, RECORDS, preferred_type
from service.core.clock import format_instant
from service.core.files import csv_text

_FORMATS = {"json": JSON, "csv": CSV, "records": RECORDS, "ndjson": NDJSON, "hubverse": CSV}
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)Z")
STATE_HEADERS = {
    "status": "X-Crossings-Status",
    "issue_id": "X-Crossings-Issue-Id",
    "data_through": "X-Crossings-Data-Through",
    "from": "X-Crossings-From",
}
"""Headers that carry what the rows alone leave out, by key of the full answer."""


@dataclass(frozen=True)
class Rendered:
    """An answer as bytes, immutable."""

    content: bytes
    content_type: str
    etag: str
    headers: tuple[tuple[str, str], ...] = ()


def loader() -> IssueLoader:
    """Return the loader of the requested series' route, or of the first route."""
    issue_loader: IssueLoader = current_app.extensions["loader"]
    return issue_loader.for_series((request.view_args or {}).get("series_id", ""))


def choose_format(table: bool) -> str:
    """Return the preferred format: by `format`, otherwise by the Accept header."""
    offered = [JSON, CSV, RECORDS, NDJSON] if table else [JSON]
    named = _FORMATS.get(request.args.get("format", ""))
    if named in offered:
        return named
    if request.headers.get("Accept", "*/*") == "*/*":
        return JSON
    kind = preferred_type(*offered)
    if kind is None:
        raise Problem(406, f"expected Accept to allow {' or '.join(offered[:2])}")
    return kind


def render(body: dict[str, Any], kind: str, columns: Iterable[str] = ()) -> Rendered:
    """Serialise `body` or its rows as `kind` and compute its ETag."""
    rows = body.get("rows", [])
    if kind == JSON:
        text = _json(body)
    elif kind == CSV:
        cells = ({name: _cell(value) for name, value in row.items()} for row in rows)
        text = csv_text(cells, rows[0] if rows else columns)
    elif kind == NDJSON:
        text = "".join(f"{_json(row)}\n" for row in rows)
    else:
        text = _json(rows)
    content_type = f"{CSV}; charset=utf-8" if kind == CSV else kind
    content = text.encode()
    headers = tuple(
        (header, str(body[name])) for name, header in STATE_HEADERS.items() if body.get(name)
    )
    # Rows alone do not show the status, which the ETag must cover.
    etag = compute_etag(content + repr(headers).encode())
    return Rendered(content, content_type, etag, headers)


def reply(rendered: Rendered, cache: str = "max-age=60") -> Response:
    """Send the bytes, or 304 if the client already has them; `cache` says how long they hold."""
    # Answers read with a key must not enter shared caches.
    scope = "private" if "Authorization" in request.headers else "public"
    headers = [
        *rendered.headers,
        ("ETag", quote_etag(rendered.etag)),
        ("Cache-Control", f"{scope}, {cache}"),
        ("Vary", "Accept"),
    ]
    answer = Response(rendered.content, 200, headers, content_type=rendered.content_type)
    if "If-None-Match" in request.headers or "If-Match" in request.headers:
        answer.make_conditional(request)
    return answer


def compute_etag(content: bytes) -> str:
    """Return a strong ETag of `content`."""
    return hashlib.sha256(content).hexdigest()[:32]


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _cell(value: Any) -> Any:
    """Format a value as a CSV cell: booleans as in JSON, reasons by name.

    Instants, always UTC, are written in a form that spreadsheets parse.
    """
    if isinstance(value, str):
        return _INSTANT.sub(r"\1 \2", value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(one["name"] for one in value) if isinstance(value, list) else value


def series_fields(series_id: str) -> dict[str, str]:
    """Return the common fields of all answers about a series; raises `NotFound` if unknown."""
    loader().check_series(series_id, is_stored=True)
    route = loader().route
    unit = route.series[series_id].unit
    return {"series_id": series_id, "unit": unit, "attribution": route.attribution}


def issue_fields(view: IssueView) -> dict[str, Any]:
    """Return the common fields of all answers about an issue."""
    issue = view.issue
    return {
        **series_fields(issue.series_id),
        "issue_id": issue.issue_id,
        "model": view.entry.model,
        "model_version": view.entry.version,
        "origin": issue.origin.isoformat(),
        "data_through": issue.data_through.isoformat(),
        "from": view.first.isoformat(),
        "as_of": format_instant(issue.as_of),
        "issued_at": format_instant(issue.issued_at),
        **view.state.to_dict(),
    }
