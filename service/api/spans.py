"""Request spans by OpenTelemetry's Flask instrumentation; imported only if enabled.

The instrumentation records path, query, client address and user agent. A path may contain a
token, so only the attributes listed here keep their values.
"""

__all__ = ["instrument"]

import os
from importlib import metadata
from typing import Any

from flask import Flask, request
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from service.core.logs import request_id

_KEPT_ATTRIBUTES = frozenset(
    {"http.request.method", "http.route", "http.response.status_code", "crossings.request_id"}
)


def instrument(app: Flask) -> None:
    """Create a span for each request of `app`, exported in the background as ``OTEL_*`` says.

    ``app.extensions["tracer_provider"]`` holds the provider.
    """
    version = metadata.version("channel-crossings-forecast")
    resource = Resource({"service.name": "crossings", "service.version": version})
    provider = TracerProvider(
        resource=resource.merge(OTELResourceDetector().detect()),
        span_limits=SpanLimits(max_events=0),  # they hold the text of exceptions
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    # The instrumentation uses the current attribute names only if this is set.
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "http"
    FlaskInstrumentor.instrument_app(  # type: ignore[no-untyped-call]
        app, response_hook=_describe, tracer_provider=provider, enable_commenter=False
    )
    app.extensions["tracer_provider"] = provider


def _describe(span: Any, status: str, headers: Any) -> None:  # noqa: ARG001
    """Complete the span, and blank all other attributes, as a hook cannot remove them."""
    if not span.is_recording():
        return
    span.set_attributes(dict.fromkeys({*span.attributes} - _KEPT_ATTRIBUTES, ""))
    span.set_attribute("crossings.request_id", request_id.get())
    if request.url_rule is None:
        span.update_name("no route")  # instead of the path
