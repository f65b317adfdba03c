"""Completes the OpenAPI document that the framework generates."""

__all__ = ["complete_document"]

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from flask import current_app
from werkzeug.http import HTTP_STATUS_CODES

from service.api.auth import OPEN, OPERATE
from service.api.errors import ProblemDetails
from service.api.media_types import CSV, JSON, NDJSON, PROBLEM, RECORDS
from service.api.representation import STATE_HEADERS, loader, render
from service.core.request_store import JOBS

_HEADERS = {
    "Cache-Control": "How long the answer may be cached.",
    "ETag": "Version of the answer, for If-None-Match.",
    "X-Request-Id": "ID of the request, as in the log of the service.",
    STATE_HEADERS["status"]: "`status` of the answer.",
    STATE_HEADERS["issue_id"]: "`issue_id` of the answer.",
    STATE_HEADERS["data_through"]: "`data_through` of the answer: day of the last figure.",
    STATE_HEADERS["from"]: "`from` of the answer: its first day.",
    "Link": 'Address of the next page, with rel="next"; missing on the last page.',
    "Location": "Address of the job request.",
    "Retry-After": "Seconds to wait before trying again.",
}
_PROBLEM = {"$ref": "#/components/schemas/ProblemDetails"}
_ANSWERS = {
    304: "Not modified (If-None-Match)",
    400: "A parameter or the body is invalid; `errors` names it",
    401: "No key, or a key that is unknown, expired or revoked",
    403: "The key may only read; this path needs the scope operate",
    404: "There is no such series, issue, model, job or page",
    405: "The method is not allowed; the Allow header lists those that are",
    406: "Accept allows neither JSON nor, for a table, CSV",
    409: "The question is valid, but this forecast cannot answer it",
    413: "The body is larger than 64 KiB",
    415: "The body is not JSON",
    429: "Too many requests; the Retry-After header says when to try again",
    500: "Unexpected error, which is logged",
    503: "Nothing is published yet, or the database is not available",
}
_TEXT = r"^[^\u0000-\u001f\u007f-\u009f]*$"  # `service.api.middleware` rejects the rest
_SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key created by `crossings keys create`. Where anonymous reading is "
        "allowed, reading needs no key.",
    }
}
_LICENCE = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
_STORED = ("series.observations", "series.revisions")
"""Endpoints that also serve series without a forecast."""

_PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "issue_id": {"description": "ID of an issue, from the list of issues."},
    "job": {"description": "Name of the job.", "schema": {"type": "string", "enum": list(JOBS)}},
    "request_id": {"description": "`request_id` from the answer to the job request."},
}


def complete_document(spec: dict[str, Any] | str) -> dict[str, Any] | str:
    """Add what all operations share, and define each schema once."""
    assert isinstance(spec, dict)  # a string only for YAML
    settings = loader().context.settings
    spec["info"] |= {
        "license": _LICENCE,
        "contact": {"name": settings.contact or spec["info"]["title"]}
        | {"url": f"{settings.address}/about"},
    }
    # Relative to the document's own URL, which works behind any proxy.
    spec["servers"] = [{"url": "/", "description": "This service"}]
    spec["components"] = _components(spec["components"])
    endpoints = {
        (re.sub(r"<(?:int:)?(\w+)>", r"{\1}", rule.rule), method.lower()): rule.endpoint
        for rule in current_app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            endpoint = endpoints[path, method]
            operation["operationId"] = _operation_id(path)
            _responses(operation, endpoint, method, path)
            _add_headers(operation, spec["components"]["schemas"])
            _add_formats(operation, spec["components"]["schemas"])
            for parameter in operation.get("parameters", []):
                _parameter(parameter, endpoint)
            operation.get("requestBody", {})["required"] = True
            if endpoint not in OPEN:
                operation["security"] = [{"key": []}]
    # The framework repeats a schema within each answer that contains it; keep one definition.
    named: dict[str, Any] = json.loads(
        re.sub(r"(#/components/schemas/)\w+\.", r"\1", json.dumps(spec))
    )
    return named


def _operation_id(path: str) -> str:
    """Return the operationId of a path; singular if it ends in a parameter."""
    nouns = "_".join(re.findall(r"/(?!v1/)([a-z][a-z-]*)", path)).replace("-", "_")
    return nouns.removesuffix("s") if path.endswith("}") else nouns


def _components(components: dict[str, Any]) -> dict[str, Any]:
    routes = loader().context.routes
    schemas = {
        name.rpartition(".")[2]: schema
        for name, schema in components["schemas"].items()
        if name not in ("HTTPError", "ValidationError")  # replaced by our problems
    } | {
        "ProblemDetails": ProblemDetails.model_json_schema(
            ref_template="#/components/schemas/{model}"
        ),
        "SeriesId": {"type": "string", "enum": [name for route in routes for name in route.stored]},
        "ForecastSeriesId": {
            "type": "string",
            "enum": [name for route in routes for name in route.forecast],
        },
    }
    schemas |= schemas["ProblemDetails"].pop("$defs")
    for schema in schemas.values():
        for one in schema.get("properties", {}).values():
            one.pop("title", None)  # only repeats the name
    _forbid_control_characters(schemas["ScenarioBody"])
    responses = {_name(status): _response(status) for status in _ANSWERS}
    headers = {
        name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()
    }
    kinds = {"schemas": schemas, "responses": responses, "headers": headers}
    return kinds | {"securitySchemes": _SCHEMES}


def _name(status: int) -> str:
    return HTTP_STATUS_CODES[status].replace(" ", "")


def _response(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": _ANSWERS[status]}
    if status >= 400:
        answer["content"] = {PROBLEM: {"schema": _PROBLEM} | _shown(_examples()[str(status)])}
    if status in (429, 503):
        answer["headers"] = _header_refs("Retry-After")
    return answer


def _header_refs(*names: str) -> dict[str, dict[str, str]]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


@cache
def _examples() -> dict[str, Any]:
    """Return recorded answers by operationId, and problems by status."""
    examples: dict[str, Any] = json.loads(
        Path(__file__).with_name("examples.json").read_text("utf-8")
    )
    return examples


def _responses(operation: dict[str, Any], endpoint: str, method: str, path: str) -> None:
    # 409 of a series: the model covers fewer days, or the issue has other models.
    is_of_issue = "{series_id}" in path and endpoint not in _STORED
    others = {
        304: method == "get",
        401: endpoint not in OPEN,
        403: endpoint in OPERATE,
        404: "{" in path,
        409: method == "post" or is_of_issue,
        415: method == "post",
    }
    good = {status: one for status, one in operation["responses"].items() if int(status) < 400}
    problems = {
        str(status): {"$ref": f"#/components/responses/{_name(status)}"}
        for status in _ANSWERS
        if others.get(status, True)
    }
    operation["responses"] = good | problems


def _parameter(parameter: dict[str, Any], endpoint: str) -> None:
    """Describe path parameters; drop the null from query parameters, which cannot be sent."""
    name, schema = parameter["name"], parameter["schema"]
    if name == "series_id":
        kind = "SeriesId" if endpoint in _STORED else "ForecastSeriesId"
        titles = [
            f"`{key}`: {one.title}"
            for route in loader().context.routes
            for key, one in route.series.items()
        ]
        parameter["description"] = "A declared series. " + "; ".join(titles) + "."
        parameter["schema"] = {"$ref": f"#/components/schemas/{kind}"}
        parameter["example"] = loader().route.leading
        return
    parameter.update(_PATH_PARAMETERS.get(name, {}) if parameter["in"] == "path" else {})
    schema = parameter["schema"]
    if "description" in schema:  # where the viewer looks for it
        parameter["description"] = schema.pop("description")
    schema.pop("title", None)
    if schema.get("default", ...) is None:
        del schema["default"]
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema.update(kinds[0])
    _forbid_control_characters(schema)


def _forbid_control_characters(schema: dict[str, Any]) -> None:
    """State for each string in `schema` that it has no control characters."""
    bounds = {"pattern", "enum", "format", "const", "anyOf"}
    if schema.get("type") == "string" and not bounds & set(schema):
        schema["pattern"] = _TEXT
    for part in (*schema.get("anyOf", ()), *schema.get("properties", {}).values()):
        _forbid_control_characters(part)


def _add_headers(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Declare the headers of the answer; rows alone have some of its keys only there."""
    status, good = next(iter(operation["responses"].items()))
    answer = good["content"][JSON]["schema"]["$ref"].rpartition("/")[2].rpartition(".")[2]
    keys = schemas[answer]["properties"]
    state = (header for key, header in STATE_HEADERS.items() if key in keys)
    more = [*(["Link"] if "next" in keys else []), *(["Location"] if status == "202" else [])]
    good["headers"] = _header_refs("Cache-Control", "ETag", "X-Request-Id", *state, *more)


def _add_formats(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Add an example of the answer, and the formats of its rows if `format` is accepted."""
    content = next(iter(operation["responses"].values()))["content"]
    example = _examples()[operation["operationId"]]
    content[JSON] |= _shown(example)
    if "format" in {parameter["name"] for parameter in operation.get("parameters", [])}:
        answer = content[JSON]["schema"]["$ref"].rpartition("/")[2]
        rows = schemas[answer]["properties"]["rows"]
        row = schemas[rows["items"]["$ref"].rpartition("/")[2].rpartition(".")[2]]
        for kind in (CSV, NDJSON):
            text = render(example, kind, columns=list(row["properties"])).content.decode()
            content[kind] = {"schema": {"type": "string"}} | _shown(text)
        content[RECORDS] = {"schema": rows} | _shown(example["rows"])


def _shown(value: Any) -> dict[str, Any]:
    return {
        "examples": {
            "answer": {"summary": "An answer, with some of its rows left out", "value": value}
        }
    }
