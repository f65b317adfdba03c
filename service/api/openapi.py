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
from service.api.responses import loader, render
from service.core.run_store import REQUESTABLE

_STATUSES = (304, 400, 401, 403, 404, 405, 406, 409, 413, 415, 429, 500, 503)
_SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key created by `crossings keys create`. Where anonymous reading is "
        "allowed, reading needs no key.",
    }
}
_STORED = ("series.observations", "series.revisions")
"""Endpoints that also serve series without a forecast."""

_PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "issue_id": {
        "description": "ID of an issue, from the list of issues.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
    },
    "job": {
        "description": "Name of the job.",
        "schema": {"type": "string", "enum": list(REQUESTABLE)},
    },
    "request_id": {"description": "`request_id` from the answer to the job request."},
}


def complete_document(spec: dict[str, Any] | str) -> dict[str, Any] | str:
    """Add what all operations share, and define each schema once."""
    assert isinstance(spec, dict)  # a string only for YAML
    spec["components"] = _components(spec["components"]["schemas"])
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


def _components(generated: dict[str, Any]) -> dict[str, Any]:
    routes = loader().context.routes
    stored = [name for route in routes for name in route.stored]
    forecast = [name for route in routes for name in route.forecast]
    schemas = {name.rpartition(".")[2]: schema for name, schema in generated.items()}
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs") | {
        "ProblemDetails": problem,
        "SeriesId": {"type": "string", "enum": stored},
        "ForecastSeriesId": {"type": "string", "enum": forecast},
    }
    for schema in schemas.values():
        for one in schema.get("properties", {}).values():
            one.pop("title", None)  # only repeats the name
    responses = {_name(status): _response(status) for status in _STATUSES}
    return {"schemas": schemas, "responses": responses, "securitySchemes": _SCHEMES}


def _name(status: int) -> str:
    return HTTP_STATUS_CODES[status].replace(" ", "")


def _response(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTP_STATUS_CODES[status]}
    if status >= 400:
        problem = {"$ref": "#/components/schemas/ProblemDetails"}
        answer["content"] = {PROBLEM: {"schema": problem} | _shown(_examples()[str(status)])}
    return answer


@cache
def _examples() -> dict[str, Any]:
    """Return recorded answers by operationId, and problems by status."""
    examples: dict[str, Any] = json.loads(
        Path(__file__).with_name("examples.json").read_text("utf-8")
    )
    return examples


def _responses(operation: dict[str, Any], endpoint: str, method: str, path: str) -> None:
    """Add the problems that the operation can have."""
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
    operation["responses"] |= {
        str(status): {"$ref": f"#/components/responses/{_name(status)}"}
        for status in _STATUSES
        if others.get(status, True)
    }


def _parameter(parameter: dict[str, Any], endpoint: str) -> None:
    """Describe path parameters; drop the null from query parameters, which cannot be sent."""
    name, schema = parameter["name"], parameter["schema"]
    if name == "series_id":
        kind = "SeriesId" if endpoint in _STORED else "ForecastSeriesId"
        series = [item for route in loader().context.routes for item in route.series.items()]
        titles = "; ".join(f"`{key}`: {one.title}" for key, one in series)
        parameter["description"] = f"A declared series. {titles}."
        parameter["schema"] = {"$ref": f"#/components/schemas/{kind}"}
        parameter["example"] = loader().route.leading
        return
    if parameter["in"] == "path":
        parameter.update(_PATH_PARAMETERS[name])
        return
    parameter["description"] = schema.pop("description")  # where the viewer looks for it
    schema.pop("title", None)
    if schema.get("default", ...) is None:
        del schema["default"]
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema.update(kinds[0])


def _add_formats(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Add an example of the answer, and the formats of its rows if `format` is accepted."""
    content = next(iter(operation["responses"].values()))["content"]
    example = _examples()[operation["operationId"]]
    content[JSON] |= _shown(example)
    if "format" in {parameter["name"] for parameter in operation.get("parameters", [])}:
        answer = content[JSON]["schema"]["$ref"].rpartition("/")[2]
        rows = schemas[answer]["properties"]["rows"]
        row = schemas[rows["items"]["$ref"].rpartition(".")[2]]
        for kind in (CSV, NDJSON):
            text = render(example, kind, columns=row["properties"]).content.decode()
            content[kind] = {"schema": {"type": "string"}} | _shown(text)
        content[RECORDS] = {"schema": rows} | _shown(example["rows"])


def _shown(value: Any) -> dict[str, Any]:
    summary = "An answer, with some of its rows left out"
    return {"examples": {"answer": {"summary": summary, "value": value}}}
