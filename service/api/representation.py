"""Answers as JSON or as rows alone, with ETag and cache lifetime."""

__all__ = [
    "STATE_HEADERS",
    "Rendered",
    "choose_format",
    "loader",
    "render",
    "reply",
    "represent",
    "compute_etag",
]

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Response, current_app, request

from service.answers.issue_loader import IssueLoader
from service.api.errors import Problem
from service.api.media_types import CSV, JSON, NDJSON, RECORDS, preferred_type
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
FOREVER_SECONDS = 365 * 24 * 3600


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


def represent(
    body: dict[str, Any],
    rows: str | None = "rows",
    max_age_seconds: int = 60,
    columns: Iterable[str] = (),
) -> Response:
    """Return `body` in the preferred format, or 304 if the client already has it.

    `rows` is the key of the rows, which all formats but JSON show alone; None if the answer is not
    a table. `columns` are its headings, for when it has no rows.
    """
    kind = choose_format(table=rows is not None)
    return reply(render(body, kind, rows, columns), max_age_seconds)


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


def render(
    body: dict[str, Any], kind: str, rows: str | None = "rows", columns: Iterable[str] = ()
) -> Rendered:
    """Serialise `body` as `kind` and compute its ETag."""
    if rows is None or kind == JSON:
        text, kind = _json(body), JSON
    elif kind == CSV:
        cells = ({name: _cell(value) for name, value in row.items()} for row in body[rows])
        text = csv_text(cells, body[rows][0] if body[rows] else columns)
    elif kind == NDJSON:
        text = "".join(f"{_json(row)}\n" for row in body[rows])
    else:
        text = _json(body[rows])
    content_type = f"{CSV}; charset=utf-8" if kind == CSV else kind
    content = text.encode()
    headers = tuple(
        (header, str(body[name])) for name, header in STATE_HEADERS.items() if body.get(name)
    )
    # Rows alone do not show the status, which the ETag must cover.
    etag = compute_etag(content + repr(headers).encode())
    return Rendered(content, content_type, etag, headers)


def reply(rendered: Rendered, max_age_seconds: int = 60, immutable: bool = False) -> Response:
    """Send the bytes, or 304 if the client already has them."""
    # Answers read with a key must not enter shared caches.
    scope = "private" if "Authorization" in request.headers else "public"
    # Answers that depend on today must expire at midnight of their route, or of the first to end.
    issue_loader = loader()
    routes = (issue_loader.route,) if request.view_args else issue_loader.context.routes
    now = issue_loader.clock()
    most = min(route.seconds_left(now) for route in routes)
    age = f"{scope}, max-age={FOREVER_SECONDS if immutable else min(max_age_seconds, most)}"
    cache = ("Cache-Control", f"{age}, immutable" if immutable else age)
    headers = [*rendered.headers, ("ETag", f'"{rendered.etag}"'), cache, ("Vary", "Accept")]
    answer = Response(rendered.content, 200, headers, content_type=rendered.content_type)
    if "HTTP_IF_NONE_MATCH" in request.environ:
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
