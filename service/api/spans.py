"""Request spans for OpenTelemetry; imported only if enabled.

They name the route instead of the path, which may contain a token, and neither client nor query.
"""

__all__ = ["instrument"]

from importlib import metadata

from flask import Flask, Response, g, request
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from service.core.logs import request_id


def instrument(app: Flask) -> None:
    """Create a span for each request of `app`, exported in the background as ``OTEL_*`` says.

    ``app.extensions["tracer_provider"]`` holds the provider.
    """
    version = metadata.version("channel-crossings-forecast")
    resource = Resource({"service.name": "crossings", "service.version": version})
    provider = TracerProvider(resource=resource.merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer = provider.get_tracer("crossings")

    def begin() -> None:
        rule = request.url_rule
        name = f"{request.method} {rule.rule}" if rule else "no route"
        g.span = tracer.start_span(name, extract(request.headers), SpanKind.SERVER)
        g.span.set_attribute("http.request.method", request.method)
        g.span.set_attribute("crossings.request_id", request_id.get())
        if rule:
            g.span.set_attribute("http.route", rule.rule)

    def end(answer: Response) -> Response:
        g.span.set_attribute("http.response.status_code", answer.status_code)
        if answer.status_code >= 500:
            g.span.set_status(StatusCode.ERROR)
        return answer

    def leave(error: BaseException | None) -> None:  # noqa: ARG001
        g.span.end()

    app.before_request(begin)
    app.after_request(end)
    app.teardown_request(leave)
    app.extensions["tracer_provider"] = provider
