"""Questions: functions that answer GET requests, and the query parameters of each.

A parameter of a function that has a default is a query parameter; the others are in the path.
"""

__all__ = ["Query", "WhichQuery", "question", "question_of_issue", "register_answers"]

import inspect
from collections.abc import Callable, Hashable, Iterable
from threading import Lock
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from apiflask import APIBlueprint
from cachetools import LRUCache, cached
from cachetools.keys import hashkey
from flask import Flask, Response, current_app, request
from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from service.answers.errors import BadQuestion
from service.api import query_types
from service.api.responses import (
    Rendered,
    choose_format,
    issue_fields,
    loader,
    render,
    reply,
)
from service.api.schemas import Open
from service.data import observation_store

_MOST_BYTES = 32 * 1024 * 1024

Answer = Callable[..., dict[str, Any]]


class Query(BaseModel):
    """The base of all query models: parameters that are not in the model are rejected by name."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Raise `BadQuestion` if `data` has an unknown name: list those that are known."""
        names = [field.alias or name for name, field in cls.model_fields.items()]
        if unknown := [name for name in data if name not in names]:
            expected = f"only {', '.join(names)}" if names else "no query parameters"
            raise BadQuestion(unknown[0][:40], f"expected {expected}")
        return data


class TableQuery(Query):
    """Format of a table."""

    format: Literal["json", "csv", "records", "ndjson"] | None = Field(
        None,
        description="`json`, or only the rows: `csv`, `records` (a list) or `ndjson` (one per "
        "line). Default: as the Accept header asks.",
    )


class WhichQuery(TableQuery):
    """Choice of a published forecast."""

    issue: query_types.IssueName = "latest"
    as_of: query_types.KnownAt = None


class AheadQuery(WhichQuery):
    """Model and first day of the answer."""

    model: query_types.ModelName = "champion"
    first: query_types.From = None


def question(
    blueprint: APIBlueprint,
    path: str,
    answer_schema: type[Open],
    cache: str = "max-age=60",
) -> Callable[[Answer], Callable[..., Response]]:
    """Decorate a function to answer GET for `path` with the keys that it returns.

    An answer with `rows` is a table, in all formats. One with `next` links to its next page.
    """
    rows = answer_schema.model_fields.get("rows")
    base: type[Query] = TableQuery if rows else Query
    columns = get_args(rows.annotation)[0].model_fields if rows else ()

    def register(function: Answer) -> Callable[..., Response]:
        names = _query_parameters(function)

        def view(query: Query, **of_path: Any) -> Response:
            body = function(**of_path, **{name: getattr(query, name) for name in names})
            answer = reply(render(body, choose_format("rows" in body), columns), cache)
            if body.get("next"):
                following = urlencode(request.args.to_dict() | {"after": body["next"]})
                answer.headers["Link"] = f'<{request.path}?{following}>; rel="next"'
            return answer

        return _register(blueprint, path, function, view, base, answer_schema)

    return register


def question_of_issue(
    blueprint: APIBlueprint,
    path: str,
    answer_schema: type[Open],
    base: type[WhichQuery] = AheadQuery,
    columns: Iterable[str] = (),
) -> Callable[[Answer], Callable[..., Response]]:
    """Decorate a function of an `IssueView` to answer GET for `path` of a series.

    Its answer gets the common fields and is cached. It may depend only on the view, the query and
    the figures. `columns` are the headings of a table without rows.
    """

    def register(function: Answer) -> Callable[..., Response]:
        names = _query_parameters(function)

        def view(series_id: str, query: Any) -> Response:
            model, first = getattr(query, "model", "champion"), getattr(query, "first", None)
            view = loader().view(series_id, query.issue, model, query.as_of, first)
            kind = choose_format(table=True)
            figures = loader().read_recent("figures", observation_store.get_version)
            of_issue = view.issue.issue_id, view.entry, view.state, view.today, view.first
            key = hashkey(request.path, query, kind, figures, *of_issue)

            def make() -> Rendered:
                answer = function(view, **{name: getattr(query, name) for name in names})
                return render(issue_fields(view) | answer, kind, columns)

            return reply(current_app.extensions["answers"](key, make))

        return _register(blueprint, f"/<series_id>/{path}", function, view, base, answer_schema)

    return register


def _query_parameters(function: Answer) -> dict[str, Any]:
    """Return the type and default of each query parameter of `function`, as pydantic reads them."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: (p.annotation, p.default) for p in parameters if p.default is not p.empty}


def _register(
    blueprint: APIBlueprint,
    path: str,
    function: Answer,
    view: Callable[..., Response],
    base: type[Query],
    answer_schema: type[Open],
) -> Callable[..., Response]:
    """Answer GET for `path` with `view`, and describe it as `function`."""
    view.__name__, view.__doc__ = function.__name__, function.__doc__
    query: Any = create_model(function.__name__, __base__=base, **_query_parameters(function))
    view = blueprint.output(answer_schema)(view)
    view = blueprint.input(query, location="query", arg_name="query")(view)
    return blueprint.get(path, endpoint=function.__name__.removeprefix("get_"))(view)


def register_answers(app: Flask) -> None:
    """Add a cache limited by the bytes of its answers, with about 1 KB for each key."""
    cache: LRUCache[Hashable, Rendered] = LRUCache(
        _MOST_BYTES, getsizeof=lambda rendered: len(rendered.content) + 1024
    )
    remember = cached(cache, key=lambda key, _: key, lock=Lock())
    app.extensions["answers"] = remember(lambda _, make: make())
