"""``/docs``: the interactive OpenAPI viewer, and the reference as a page without scripts.

Neither loads anything from other sites.
"""

__all__ = ["blueprint"]

from typing import Any

from apiflask import APIBlueprint, APIFlask
from flask import Response, current_app, render_template

from service.api.middleware import CONTENT_POLICY
from service.api.responses import Rendered, compute_etag, reply

blueprint = APIBlueprint(
    "docs",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/docs/static",
    enable_openapi=False,
)

# The viewer uses inline styles; its scripts are static files.
_VIEWER_POLICY = CONTENT_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


@blueprint.get("/docs")
def page() -> Response:
    """Show the interactive viewer."""
    answer = _page("viewer.html")
    answer.headers["Content-Security-Policy"] = _VIEWER_POLICY
    return answer


@blueprint.get("/docs/reference")
def reference() -> Response:
    """Show the reference page."""
    return _page("reference.html")


def _page(template: str) -> Response:
    assert isinstance(current_app, APIFlask)
    spec: Any = current_app.spec

    def resolve(schema: dict[str, Any]) -> dict[str, Any]:
        name = schema.get("$ref", "").rpartition("/")[2]
        resolved: dict[str, Any] = spec["components"]["schemas"][name] if name else schema
        return resolved

    text = render_template(template, spec=spec, resolve=resolve, type_of=_type_of).encode()
    return reply(Rendered(text, "text/html; charset=utf-8", compute_etag(text)))


def _type_of(schema: dict[str, Any]) -> str:
    """Return the short name of a value's type."""
    if "anyOf" in schema:
        return " or ".join(map(_type_of, schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return " | ".join(map(str, schema.get("enum", [schema.get("const")])))
    return str(schema.get("format") or schema.get("type") or schema.get("$ref", "").split("/")[-1])
