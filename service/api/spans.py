"""Spans of requests for OpenTelemetry, where the extra `otel` is installed and wanted.

They hold the method, the route, the status and the request's id; no path, no query, no address of
a reader and no header, in any of which a key, a token or a person could be.
"""

from __future__ import annotations

__all__ = ["Span", "Tracer", "require_extra", "send_rest", "tracer"]

from importlib import import_module, metadata
from importlib.util import find_spec
from typing import Any

from service.core.settings import Settings, SettingsError

_providers: list[Any] = []


def tracer(settings: Settings) -> Tracer | None:
    """What makes spans, if they are wanted; without that nothing of OpenTelemetry is loaded.

    Raises
    ------
    SettingsError
        If they are wanted and cannot be made.
    """
    require_extra(settings)
    return None if settings.tracing == "off" else Tracer()


def send_rest() -> None:
    """Send the spans that are still held back; for the end of a process."""
    while _providers:
        _providers.pop().shutdown()


def require_extra(settings: Settings) -> None:
    """Raise `SettingsError` when spans are wanted and cannot be made."""
    if settings.tracing == "off":
        return
    try:
        missing = find_spec("opentelemetry.sdk") is None
    except (ImportError, ValueError):
        missing = True
    if missing:
        raise SettingsError(
            "CROSSINGS_TRACING: expected the extra `otel` of this project to be installed, "
            "found no opentelemetry.sdk"
        )


class Tracer:
    """Makes spans and sends them, in the background, to where ``OTEL_*`` say."""

    def __init__(self) -> None:
        sdk: Any = import_module("opentelemetry.sdk.trace")
        export: Any = import_module("opentelemetry.sdk.trace.export")
        otlp: Any = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        resources: Any = import_module("opentelemetry.sdk.resources")
        self._trace: Any = import_module("opentelemetry.trace")
        propagate: Any = import_module("opentelemetry.propagate")
        self._extract = propagate.extract
        version = metadata.version("channel-crossings-forecast")
        ours = resources.Resource({"service.name": "crossings", "service.version": version})
        provider = sdk.TracerProvider(
            resource=ours.merge(resources.OTELResourceDetector().detect())
        )
        provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
        _providers.append(provider)
        self._tracer = provider.get_tracer("crossings", version)

    def begin(self, parent: str | None) -> Span:
        """Begin the span of a request, as a child of the one that its `traceparent` names."""
        known = self._extract({"traceparent": parent} if parent else {})
        return Span(self._tracer.start_span("request", known, self._trace.SpanKind.SERVER))


class Span:
    """The span of one request."""

    def __init__(self, span: Any) -> None:
        self._span = span

    def end(self, method: str, route: str, status: int, request_id: str) -> None:
        """Say what the request was, and end."""
        self._span.update_name(f"{method} {route}")
        self._span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "crossings.request_id": request_id,
            }
        )
        if status >= 500:
            status_module: Any = import_module("opentelemetry.trace")
            self._span.set_status(status_module.StatusCode.ERROR)
        self._span.end()
