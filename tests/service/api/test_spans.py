from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from service.core.settings import Settings
from tests.service.support import ROOT, as_environment, environment, serving
from tests.support.waiting import BOUND, PROCESS

READ_STATUS = """
import sys
from service.core import settings
from service.app import create_app
from service.core.context import open_context
client = create_app(open_context(settings.load())).test_client()
assert client.get("/v1/status").status_code == 200
print(sorted(name for name, module in sys.modules.items() if module and "opentelemetry" in name))
"""


SERVE_WITHOUT_THE_EXTRA = """
import sys
sys.modules["opentelemetry"] = None
from service import server
from service.core import settings
server.serve(settings.load())
"""


def run(settings: Settings, script: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        env=as_environment(settings) | environment(**more),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PROCESS,
    )


def test_opentelemetry_is_not_imported_by_default(settings: Settings) -> None:
    done = run(settings, READ_STATUS)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_tracing_without_the_extra_is_an_error(settings: Settings) -> None:
    done = run(settings, SERVE_WITHOUT_THE_EXTRA, tracing="otlp")
    assert done.returncode == 1
    assert "CROSSINGS_TRACING: expected the extra `otel`" in done.stderr.splitlines()[-1]


class Collector(http.server.BaseHTTPRequestHandler):
    """Keeps the path and body of each request."""

    requests: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.requests.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    handler = type("OwnCollector", (Collector,), {"requests": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", handler.requests
    server.shutdown()
    thread.join()
    server.server_close()


def test_spans_are_exported_without_personal_data(
    settings: Settings,
    collector: tuple[str, list[tuple[str, bytes]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("opentelemetry.sdk", reason="the extra `otel` is not installed")
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    address, requests = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "channel")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST", ".*")
    trace = "0af7651916cd43dd8448eb211c80319c"
    with serving(settings, tracing="otlp") as base:
        for path in ("/subscribe/confirm/hush-hush?who=hush", "/hush", "/v1/status"):
            done = subprocess.run(
                ["curl", "-s", "-o", "/dev/null", "-A", "hush", "-H", "X-Request-Id: mine", "-H"]
                + [f"traceparent: 00-{trace}-b7ad6b7169203331-01", base + path],
                check=True,
                timeout=BOUND,
            )
            assert done.returncode == 0
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
    assert attributes == {
        "http.request.method": "GET",
        "http.route": "/v1/status",
        "http.response.status_code": 200,
        "crossings.request_id": "mine",
    }
