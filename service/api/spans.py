"""Spans of requests by OpenTelemetry's Flask instrumentation; imported only where they are on.

The instrumentation puts path, query, client address and user agent into each span. A path may
carry a token, so only the attributes listed here leave the process.
"""

from __future__ import annotations

__all__ = ["instrument"]

import os
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from flask import Flask, g, request
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Span, Status

_KEPT = (
    "http.request.method",
    "http.route",
    "http.response.status_code",
    "crossings.request_id",
)


def instrument(app: Flask) -> None:
    """Make a span of each request of `app`, sent in the background to where ``OTEL_*`` say.

    ``app.extensions["tracer_provider"]`` holds what sends them.
    """
    version = metadata.version("channel-crossings-forecast")
    resource = Resource({"service.name": "crossings", "service.version": version})
    provider = TracerProvider(resource=resource.merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(_Exporter()))
    # The instrumentation takes the present names of attributes only if this is set.
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http"
    FlaskInstrumentor.instrument_app(  # type: ignore[no-untyped-call]
        app, request_hook=_describe, tracer_provider=provider, enable_commenter=False
    )
    app.extensions["tracer_provider"] = provider


def _describe(span: Span, environ: dict[str, Any]) -> None:  # noqa: ARG001
    span.set_attribute("crossings.request_id", g.trail.request_id)
    if request.url_rule is None:
        span.update_name("no route")  # in place of the path


class _Exporter(OTLPSpanExporter):
    """Sends spans without what may name a person or hold a secret.

    A hook of the instrumentation cannot do this: attributes of a span can be set but not removed.
    """

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return super().export([_reduced(span) for span in spans])


def _reduced(span: ReadableSpan) -> ReadableSpan:
    attributes = span.attributes or {}
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes={name: attributes[name] for name in _KEPT if name in attributes},
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
