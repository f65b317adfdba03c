"""The OpenAPI document, completed: what the framework cannot be told."""

from __future__ import annotations

__all__ = ["complete"]

from typing import Any

from flask import current_app

from service.api.auth import OPEN, OPERATE
from service.api.media_types import CSV, PROBLEM
from service.api.schemas import ProblemDetails

_BODIES = ("ScenarioBody",)
_PROBLEM = {"$ref": "#/components/schemas/ProblemDetails"}
_SAID = {
    304: "The reader has this answer already (If-None-Match)",
    400: "A parameter, or a body, outside what can be asked; it is named",
    401: "No key, or one that is not known, expired or revoked",
    403: "The key may read, and this wants one that may operate",
    404: "No such series, issue, model, job or page",
    405: "Another method; Allow names those that are there",
    406: "Neither JSON nor, for a table, CSV is accepted",
    409: "A right question that this issue cannot answer",
    413: "A body of more than 64 KiB",
    415: "A body that is not JSON",
    429: "Too many requests; Retry-After says when to come again",
    500: "An unexpected error, which is logged",
    503: "Nothing is published yet, or the database is not available",
}
_TEXT = r"^[^\u0000-\u001f\u007f-\u009f]*$"  # as `service.api.middleware` refuses the rest
_ALWAYS = (400, 405, 413, 429, 500, 503)
_SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key as `crossings keys create` makes it. Where anonymous reading is "
        "allowed, a path that only reads answers without one.",
    }
}


def complete(spec: dict[str, Any] | str) -> dict[str, Any] | str:
    """Add to each operation its problems, its other forms and the key that it wants."""
    assert isinstance(spec, dict)  # a text only when YAML is asked for
    parts = spec.setdefault("components", {})
    parts.setdefault("securitySchemes", {}).update(_SCHEMES)
    parts.setdefault("schemas", {})["ProblemDetails"] = ProblemDetails.model_json_schema()
    endpoints = {
        (rule.rule.replace("<int:", "<").replace("<", "{").replace(">", "}"), method.lower()): (
            rule.endpoint
        )
        for rule in current_app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    for name, schema in parts["schemas"].items():
        if name in _BODIES:
            _bound(schema)
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            endpoint = endpoints[path, method]
            _errors(operation, endpoint, method, path)
            _forms(operation)
            for parameter in operation.get("parameters", []):
                _bound(parameter["schema"])
            operation.get("requestBody", {})["required"] = True
            if endpoint not in OPEN:
                operation["security"] = [{"key": []}]
            operation.setdefault("operationId", endpoint.replace(".", "_"))
    return spec


def _errors(operation: dict[str, Any], endpoint: str, method: str, path: str) -> None:
    statuses = {*_ALWAYS, 406}
    if method == "get":
        statuses.add(304)
    if "{" in path:
        statuses.add(404)
    if endpoint not in OPEN:
        statuses.add(401)
    if endpoint in OPERATE:
        statuses.add(403)
    if method == "post":
        statuses |= {409, 415}
    responses = operation["responses"]
    for status in [status for status in responses if int(status) >= 400]:
        del responses[status]
    for status in sorted(statuses):
        answer: dict[str, Any] = {"description": _SAID[status]}
        if status >= 400:
            answer["content"] = {PROBLEM: {"schema": _PROBLEM}}
        if status in (429, 503):
            answer["headers"] = {"Retry-After": {"schema": {"type": "string"}}}
        responses[str(status)] = answer


def _bound(schema: dict[str, Any]) -> None:
    """Say of each text in `schema` that it holds no control characters."""
    if schema.get("type") == "string" and not {"pattern", "enum", "format", "const"} & set(schema):
        schema["pattern"] = _TEXT
    for part in (*schema.get("anyOf", ()), *schema.get("properties", {}).values()):
        _bound(part)


def _forms(operation: dict[str, Any]) -> None:
    """CSV beside JSON wherever `format` can be asked."""
    named = {parameter["name"] for parameter in operation.get("parameters", [])}
    if "format" in named:
        operation["responses"]["200"]["content"][CSV] = {"schema": {"type": "string"}}
