"""Answers about an issue: what each says first, and its bytes kept for the next who asks."""

from __future__ import annotations

__all__ = [
    "about",
    "attribution",
    "head",
    "horizon_of",
    "loader",
    "of_series",
    "question",
    "view_of",
]

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from apiflask import APIBlueprint
from flask import Response, current_app, request

from service.answers.issue_loader import IssueLoader, IssueView
from service.api.queries import (
    AheadQuery,
    ExplanationQuery,
    IssueQuery,
    NoQuery,
    SpanQuery,
    WhichQuery,
)
from service.api.representation import Rendered, chosen, render, reply
from service.api.schemas import Open
from service.core.clock import instant

_MOST_BYTES = 32 * 1024 * 1024


def loader() -> IssueLoader:
    """Return the loader of the route whose series is asked for; of the first, where none is."""
    found: IssueLoader = current_app.extensions["loader"]
    return found.for_series((request.view_args or {}).get("series_id", ""))


def attribution() -> dict[str, str]:
    """Whose figures these are, as every answer must say."""
    return {"attribution": loader().route.attribution}


def of_series(series_id: str) -> dict[str, str]:
    """What every answer about a series says first."""
    return {"series_id": series_id, "unit": loader().route.series[series_id].unit}


def question(
    blueprint: APIBlueprint, path: str, query: type[NoQuery], answer: type[Open]
) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Let a function answer GET for `path` of a series."""

    def register(view: Callable[..., Response]) -> Callable[..., Response]:
        view = blueprint.input(query, location="query")(blueprint.output(answer)(view))
        endpoint = view.__name__.removeprefix("get_")
        return blueprint.get(f"/<series_id>/{path}", endpoint=endpoint)(view)

    return register


def view_of(series_id: str, asked: WhichQuery) -> IssueView:
    """The issue that a question is about, looked at from the day that is asked."""
    model = asked.model if isinstance(asked, IssueQuery) else "champion"
    first = asked.first if isinstance(asked, AheadQuery | ExplanationQuery) else None
    return loader().view(series_id, asked.issue, model, asked.as_of, first)


def horizon_of(asked: SpanQuery, view: IssueView) -> int:
    """How many days the answer is about."""
    return view.ahead.horizon_to(asked.last) if asked.last else asked.horizon


def head(view: IssueView) -> dict[str, Any]:
    """What every answer about an issue says first."""
    issue = view.issue
    return {
        "series_id": issue.series_id,
        "unit": view.declared.unit,
        "issue_id": issue.issue_id,
        "model": view.entry.model,
        "model_version": view.entry.version,
        "origin": issue.origin.isoformat(),
        "data_through": issue.data_through.isoformat(),
        "from": view.first.isoformat(),
        "as_of": instant(issue.as_of),
        "issued_at": instant(issue.issued_at),
        **view.state.to_dict(),
        **attribution(),
    }


def about(
    series_id: str,
    asked: WhichQuery,
    answer: Callable[[IssueView], dict[str, Any]],
    columns: Sequence[str] = (),
    beside: Hashable = None,
) -> Response:
    """Answer with the head of an issue and what `answer` returns, or with the bytes of last time.

    Parameters
    ----------
    asked
        All of the question that is not in the path.
    beside : hashable
        Whatever the answer depends on that is neither in the question nor in the issue.
    """
    view, kind = view_of(series_id, asked), chosen(table=True)
    days = view.today, view.first
    key = (request.path, asked, kind, view.issue.issue_id, view.entry, view.state, days, beside)
    kept: _Kept = current_app.extensions.setdefault("kept", _Kept())
    rendered = kept.get(key)
    if rendered is None:
        rendered = kept.put(key, render(head(view) | answer(view), kind, columns=columns))
    return reply(rendered)


class _Kept:
    """The answers that were asked for last, up to so many bytes in all."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most_bytes
        self._size = 0
        self._answers: OrderedDict[Hashable, Rendered] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Rendered | None:
        """What is kept under `key`, which now counts as the newest."""
        with self._lock:
            found = self._answers.get(key)
            if found is not None:
                self._answers.move_to_end(key)
            return found

    def put(self, key: Hashable, rendered: Rendered) -> Rendered:
        """Keep `rendered`, and let go of the oldest beyond the limit."""
        with self._lock:
            before = self._answers.pop(key, None)
            self._size += _weight(rendered) - (_weight(before) if before else 0)
            self._answers[key] = rendered
            while self._size > self._most:
                _, oldest = self._answers.popitem(last=False)
                self._size -= _weight(oldest)
        return rendered


def _weight(rendered: Rendered) -> int:
    """Bytes that an answer takes, with its key."""
    return len(rendered.content) + 1024
