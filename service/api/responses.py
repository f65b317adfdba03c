"""Answers over HTTP: their format, ETag and lifetime, their common fields, and a cache of bytes."""

__all__ = [
    "STATE_HEADERS",
    "Rendered",
    "answer_about_issue",
    "choose_format",
    "compute_etag",
    "horizon_of",
    "issue_fields",
    "loader",
    "question",
    "question_of_issue",
    "register_answers",
    "render",
    "reply",
    "represent",
    "series_fields",
]

import hashlib
import json
import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import wraps
from threading import Lock
from typing import Any

from apiflask import APIBlueprint
from cachetools import LRUCache, cached
from cachetools.keys import hashkey
from flask import Flask, Response, current_app, request
from pydantic import BaseModel
from werkzeug.http import quote_etag

from service.answers.issue_loader import IssueLoader, IssueView
from service.api.errors import Problem
from service.api.media_types import CSV, JSON, NDJSON, RECORDS, preferred_type
from service.api.schemas import Open
from service.core.clock import format_instant
from service.core.files import csv_text

_MOST_BYTES = 32 * 1024 * 1024
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


def represent(
    body: dict[str, Any],
    table: bool = True,
    cache: str = "max-age=60",
    columns: Iterable[str] = (),
) -> Response:
    """Return `body` in the preferred format, or 304 if the client already has it.

    The rows of a `table` are shown alone in all formats but JSON; `columns` are its headings, for
    when it has no rows.
    """
    return reply(render(body, choose_format(table), columns), cache)


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


def question(
    blueprint: APIBlueprint, path: str, query_schema: type[BaseModel], answer_schema: type[Open]
) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Decorate a function of ``query`` and the path's parameters to answer GET for `path`."""

    def register(view: Callable[..., Response]) -> Callable[..., Response]:
        view = blueprint.output(answer_schema)(view)
        view = blueprint.input(query_schema, location="query", arg_name="query")(view)
        endpoint = view.__name__.removeprefix("get_")
        return blueprint.get(path, endpoint=endpoint)(view)

    return register


def question_of_issue(
    blueprint: APIBlueprint, path: str, query_schema: type[BaseModel], answer_schema: type[Open]
) -> Callable[[Callable[[IssueView, Any], dict[str, Any]]], Callable[..., Response]]:
    """Decorate a function of a view and the query to answer GET for `path` with its keys.

    The answer may depend on nothing else; `answer_about_issue` adds common fields and caches it.
    """

    def register(of_view: Callable[[IssueView, Any], dict[str, Any]]) -> Callable[..., Response]:
        @wraps(of_view)
        def view(series_id: str, query: Any) -> Response:
            return answer_about_issue(series_id, query, lambda view: of_view(view, query))

        return question(blueprint, f"/<series_id>/{path}", query_schema, answer_schema)(view)

    return register


def horizon_of(query: Any, view: IssueView) -> int:
    """Return the horizon of the answer in days."""
    return view.ahead.horizon_to(query.last) if query.last else query.horizon


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


def answer_about_issue(
    series_id: str,
    query: Any,
    answer: Callable[[IssueView], dict[str, Any]],
    columns: Iterable[str] = (),
    extra_key: Hashable = None,
) -> Response:
    """Return the issue's answer, cached by query, issue and `extra_key`: all that it depends on."""
    model, first = getattr(query, "model", "champion"), getattr(query, "first", None)
    view = loader().view(series_id, query.issue, model, query.as_of, first)
    kind = choose_format(table=True)
    days = view.today, view.first
    issue_id = view.issue.issue_id
    key = hashkey(request.path, query, kind, issue_id, view.entry, view.state, days, extra_key)
    rendered = current_app.extensions["answers"](
        key, lambda: render(issue_fields(view) | answer(view), kind, columns=columns)
    )
    return reply(rendered)


def register_answers(app: Flask) -> None:
    """Add a cache limited by the bytes of its answers, with about 1 KB for each key."""
    cache: LRUCache[Hashable, Rendered] = LRUCache(
        _MOST_BYTES, getsizeof=lambda rendered: len(rendered.content) + 1024
    )
    remember = cached(cache, key=lambda key, _: key, lock=Lock())
    app.extensions["answers"] = remember(lambda _, make: make())
