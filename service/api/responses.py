"""Answers about published forecasts: their common head, and a cache of their bytes."""

__all__ = [
    "answer_about_issue",
    "issue_fields",
    "horizon_of",
    "series_fields",
    "question",
    "question_of_issue",
    "register_answers",
]

from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from functools import wraps
from threading import Lock
from typing import Any

from apiflask import APIBlueprint
from cachetools import LRUCache
from cachetools.keys import hashkey
from flask import Flask, Response, current_app, request

from service.answers.issue_loader import IssueView
from service.api.queries import (
    AheadQuery,
    ExplanationQuery,
    IssueQuery,
    NoQuery,
    SpanQuery,
    WhichQuery,
)
from service.api.representation import Rendered, choose_format, loader, render, reply
from service.api.schemas import Open
from service.core.clock import format_instant

_MOST_BYTES = 32 * 1024 * 1024


def series_fields(series_id: str) -> dict[str, str]:
    """Return the common fields of all answers about a series."""
    route = loader().route
    unit = route.series[series_id].unit
    return {"series_id": series_id, "unit": unit, "attribution": route.attribution}


def question(
    blueprint: APIBlueprint, path: str, query_schema: type[NoQuery], answer_schema: type[Open]
) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Decorate a function of ``series_id`` and ``query`` to answer GET for `path` of a series."""

    def register(view: Callable[..., Response]) -> Callable[..., Response]:
        view = blueprint.output(answer_schema)(view)
        view = blueprint.input(query_schema, location="query", arg_name="query")(view)
        endpoint = view.__name__.removeprefix("get_")
        return blueprint.get(f"/<series_id>/{path}", endpoint=endpoint)(view)

    return register


def question_of_issue(
    blueprint: APIBlueprint,
    path: str,
    query_schema: type[WhichQuery],
    answer_schema: type[Open],
    columns: Iterable[str] = (),
) -> Callable[[Callable[[IssueView, Any], dict[str, Any]]], Callable[..., Response]]:
    """Decorate a function of a view and the query to answer GET for `path` with its keys.

    The answer may depend on nothing else; `answer_about_issue` adds common fields and caches it.
    """

    def register(of_view: Callable[[IssueView, Any], dict[str, Any]]) -> Callable[..., Response]:
        @wraps(of_view)
        def view(series_id: str, query: WhichQuery) -> Response:
            return answer_about_issue(series_id, query, lambda view: of_view(view, query), columns)

        return question(blueprint, path, query_schema, answer_schema)(view)

    return register


def horizon_of(query: SpanQuery, view: IssueView) -> int:
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
    query: WhichQuery,
    answer: Callable[[IssueView], dict[str, Any]],
    columns: Iterable[str] = (),
    extra_key: Hashable = None,
) -> Response:
    """Return the issue's answer, cached by query, issue and `extra_key`: all that it depends on."""
    model = query.model if isinstance(query, IssueQuery) else "champion"
    first = query.first if isinstance(query, AheadQuery | ExplanationQuery) else None
    view = loader().view(series_id, query.issue, model, query.as_of, first)
    kind = choose_format(table=True)
    days = view.today, view.first
    issue_id = view.issue.issue_id
    key = hashkey(request.path, query, kind, issue_id, view.entry, view.state, days, extra_key)
    lock, cache = current_app.extensions["answers"]
    with lock:
        rendered = cache.get(key)
    if rendered is None:
        rendered = render(issue_fields(view) | answer(view), kind, columns=columns)
        with lock, suppress(ValueError):  # larger than the cache
            cache[key] = rendered
    return reply(rendered)


def register_answers(app: Flask) -> None:
    """Add a cache limited by the bytes of its answers, with about 1 KB for each key."""
    cache: LRUCache[Hashable, Rendered] = LRUCache(
        _MOST_BYTES, getsizeof=lambda rendered: len(rendered.content) + 1024
    )
    app.extensions["answers"] = Lock(), cache
