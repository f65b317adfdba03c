import ast
import sys

import httpx
import pytest

from service import server
from service.core.settings import Settings, SettingsError
from tests.service.support import run_server
from tests.support.loopback import Loopback, QuietHandler
from tests.test_layers import imports, modules


def test_opentelemetry_is_imported_only_for_tracing():
    """No module imports it, or the module that does, before a function is called."""
    spans = "service.api.spans"
    for module, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom) and module != spans:
                names = {*imports(node)}
                assert not any(name.startswith((spans, "opentelemetry")) for name in names), module


def test_tracing_without_the_extra_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "service.api.spans", raising=False)
    monkeypatch.setattr(server, "MPServer", None)  # no server is started
    with pytest.raises(SettingsError, match="^CROSSINGS_TRACING: expected the extra `otel`"):
        server.serve(Settings(tracing="otlp"))


@pytest.fixture
def collector():
    """The URL of a collector, and the path and body of each request to it."""
    requests = []

    class Collector(QuietHandler):
        def do_POST(self):
            requests.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

    loopback = Loopback(Collector)
    loopback.begin()
    yield f"http://{loopback.host}", requests
    loopback.end()


def test_spans_are_exported_without_personal_data(settings, collector, monkeypatch):
    pytest.importorskip("opentelemetry.sdk", reason="the extra `otel` is not installed")
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    address, requests = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "channel")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST", ".*")
    trace = "0af7651916cd43dd8448eb211c80319c"
    with run_server(settings, tracing="otlp") as base:
        for path in ("/subscribe/confirm/hush-hush?who=hush", "/hush", "/v1/status"):
            headers = {
                "User-Agent": "hush",
                "X-Request-Id": "mine",
                "traceparent": f"00-{trace}-b7ad6b7169203331-01",
            }
            httpx.get(base + path, headers=headers)
    # The server exports the remaining spans when it stops.
    assert {path for path, _ in requests} == {"/v1/traces"}
    content = b"".join(body for _, body in requests)
    assert b"hush" not in content and b"127.0.0.1" not in content
    spans, services = {}, set()
    for _, body in requests:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            services |= {
                a.value.string_value
                for a in resource.resource.attributes
                if a.key == "service.name"
            }
            for scope in resource.scope_spans:
                spans |= {span.name: span for span in scope.spans}
    assert services == {"channel"}
    assert set(spans) == {
        "GET /subscribe/confirm/<token>",
        "GET /v1/status",
        "GET /livez",  # requested until the server is ready
        "no route",
    }
    span = spans["GET /v1/status"]
    assert span.trace_id.hex() == trace
    attributes = {a.key: a.value.string_value or a.value.int_value for a in span.attributes}
    assert {key: value for key, value in attributes.items() if value} == {
        "http.request.method": "GET",
        "http.route": "/v1/status",
        "http.response.status_code": 200,
        "crossings.request_id": "mine",
    }
