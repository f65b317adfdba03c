"""``/docs``: the OpenAPI document to try, and as a page to read that needs no script.

Neither loads anything from elsewhere.
"""

from __future__ import annotations

__all__ = ["blueprint"]

from collections.abc import Callable
from typing import Any

from apiflask import APIBlueprint, APIFlask
from flask import Response, current_app, render_template

from service.api.middleware import CONTENT_POLICY
from service.api.representation import Rendered, reply, tag

blueprint = APIBlueprint(
    "docs",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/docs/static",
    enable_openapi=False,
)


# The viewer styles what it draws within itself; its scripts are files like all others.
_VIEWER_POLICY = CONTENT_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


@blueprint.get("/docs")
def page() -> Response:
    """Let a reader try what can be asked."""
    answer = reply(_rendered("viewer.html", dict), max_age_seconds=300)
    answer.headers["Content-Security-Policy"] = _VIEWER_POLICY
    return answer


@blueprint.get("/docs/reference")
def reference() -> Response:
    """Show what can be asked."""
    return reply(_rendered("reference.html", _read), max_age_seconds=300)


def _rendered(template: str, read: Callable[[], dict[str, Any]]) -> Rendered:
    """The page, made once."""
    kept: dict[str, Rendered] = current_app.extensions.setdefault("docs", {})
    if template not in kept:
        text = render_template(template, **read()).encode()
        kept[template] = Rendered(text, "text/html; charset=utf-8", tag(text))
    return kept[template]


def _read() -> dict[str, Any]:
    app = current_app
    assert isinstance(app, APIFlask)
    spec = app.spec
    assert isinstance(spec, dict)
    schemas = spec["components"]["schemas"]
    rooms: dict[str, list[dict[str, Any]]] = {item["name"]: [] for item in spec["tags"]}
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            rooms.setdefault(operation["tags"][0], []).append(
                {
                    "path": path,
                    "method": method.upper(),
                    "summary": operation["summary"],
                    "about": operation.get("description") or operation["summary"],
                    "parameters": [_parameter(p, schemas) for p in operation.get("parameters", [])],
                    "body": _fields(_body(operation), schemas),
                    "answers": _fields(_answer(operation), schemas),
                    "statuses": sorted(operation["responses"]),
                }
            )
    return {"info": spec["info"], "tags": spec["tags"], "rooms": rooms}


def _parameter(said: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    schema = _resolved(said["schema"], schemas)
    return {
        "name": said["name"],
        "about": said.get("description") or schema.get("description", ""),
        "type": _type(schema),
        "default": schema.get("default"),
    }


def _body(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    found: dict[str, Any] = content.get("application/json", {}).get("schema", {})
    return found


def _answer(operation: dict[str, Any]) -> dict[str, Any]:
    for status in ("200", "202"):
        content = operation["responses"].get(status, {}).get("content", {})
        if "application/json" in content:
            found: dict[str, Any] = content["application/json"]["schema"]
            return found
    return {}


def _fields(schema: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """Name, type and description of each key, those of rows beneath."""
    schema = _resolved(schema, schemas)
    fields = []
    for name, said in schema.get("properties", {}).items():
        rows = _resolved(said.get("items", {}), schemas).get("properties", {})
        fields.append(
            {
                "name": name,
                "type": _type(_resolved(said, schemas)),
                "about": said.get("description", ""),
                "rows": [(key, _type(_resolved(value, schemas))) for key, value in rows.items()],
            }
        )
    return fields


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = schemas[name] if name else schema
    return found


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " | ".join(map(str, schema.get("enum", [schema.get("const")])))
    return str(schema.get("format") or schema.get("type") or schema.get("$ref", "").split("/")[-1])
