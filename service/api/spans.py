"""Request spans by OpenTelemetry's Flask instrumentation; imported only if enabled.

The instrumentation records path, query, client address and user agent. A path may contain a
token, so only the attributes listed here are exported.
"""

__all__ = ["instrument"]

import os
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from flask import Flask, request
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Span, Status

from service.core.logs import request_id

_EXPORTED_ATTRIBUTES = (
    "http.request.method",
    "http.route",
    "http.response.status_code",
    "crossings.request_id",
)


def instrument(app: Flask) -> None:
    """Create a span for each request of `app`, exported in the background as ``OTEL_*`` says.

    ``app.extensions["tracer_provider"]`` holds the provider.
    """
    version = metadata.version("channel-crossings-forecast")
    resource = Resource({"service.name": "crossings", "service.version": version})
    provider = TracerProvider(resource=resource.merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(_Exporter()))
    # The instrumentation uses the current attribute names only if this is set.
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http"
    FlaskInstrumentor.instrument_app(  # type: ignore[no-untyped-call]
        app, request_hook=_describe, tracer_provider=provider, enable_commenter=False
    )
    app.extensions["tracer_provider"] = provider


def _describe(span: Span, environ: dict[str, Any]) -> None:  # noqa: ARG001
    span.set_attribute("crossings.request_id", request_id.get())
    if request.url_rule is None:
        span.update_name("no route")  # instead of the path


class _Exporter(OTLPSpanExporter):
    """Exports spans without attributes that may identify a person or hold a secret.

    A hook of the instrumentation can set span attributes but not remove them.
    """

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return super().export([_without_private_attributes(span) for span in spans])


def _without_private_attributes(span: ReadableSpan) -> ReadableSpan:
    attributes = span.attributes or {}
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes={name: attributes[name] for name in _EXPORTED_ATTRIBUTES if name in attributes},
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
