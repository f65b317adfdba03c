import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from service import server
from service.core.settings import Settings
from tests.service.support import NOW, ROOT, as_environment, free_port, run_server
from tests.support.waiting import BOUND, PROCESS, wait_until

SERVER = f"""
import datetime
from service.core import clock
clock.utc_now = lambda: {NOW!r}
from service import server
from service.core import settings
server._HEADER_MILLISECONDS, server._BODY_SECONDS = 2000, 2.0
server.serve(settings.load_settings())
"""


@pytest.fixture(scope="module")
def port(published, tmp_path_factory):
    """Port of a server with two threads and short deadlines."""
    var = tmp_path_factory.mktemp("server")
    shutil.copy(published / "after-refit.sqlite", var / "crossings.sqlite")
    free = free_port()
    child = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        env=as_environment(Settings(var_dir=var, threads=2, port=free)),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )

    def is_ready():
        assert child.poll() is None
        with contextlib.suppress(OSError):
            return get(free, "/readyz")[0] == 200
        return False

    wait_until(is_ready, "the server is ready")
    yield free
    child.send_signal(signal.SIGTERM)
    _, errors = child.communicate(timeout=PROCESS)
    assert child.returncode == 0
    assert "Traceback" not in errors


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=BOUND)
    with contextlib.closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()


def exchange(port, *parts):
    """Send these bytes and return the headers, with ``status``, and the body."""
    with socket.create_connection(("127.0.0.1", port), timeout=BOUND) as connection:
        with contextlib.suppress(OSError):  # the server may close early
            for part in parts:
                connection.sendall(part)
        received = b"".join(iter(lambda: connection.recv(65_536), b""))  # until closed
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines[1:])
    return {"status": lines[0].split()[1]} | {k.lower(): v for k, v in fields.items()}, body


GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /v1/series/people/scenarios HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
UNFINISHED = {
    "silent": b"",
    "half a request line": b"GET /livez HT",
    "half a body": POST + b'Content-Length: 100\r\n\r\n{"level',
    "half a chunk": POST + b'Transfer-Encoding: chunked\r\n\r\n20\r\n{"level',
}


def test_unfinished_requests_do_not_block_others(port):
    with contextlib.ExitStack() as stack:
        for content in UNFINISHED.values():
            for _ in range(20):
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                connection.sendall(content)
            assert get(port, "/livez")[0] == 200
        body = b'{"level_percent": 5}'
        head = b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        assert exchange(port, POST, head, body)[0]["status"] == "200"


def test_unfinished_requests_time_out(port):
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=BOUND))
            for _ in range(3)
        ]
        for connection, content in zip(connections, filter(None, UNFINISHED.values()), strict=True):
            connection.sendall(content)
        for connection in connections:
            received = b""
            with contextlib.suppress(ConnectionError):
                while more := connection.recv(65_536):
                    received += more
            assert received == b"" or received.startswith(b"HTTP/1.1 408 ")


def test_chunked_bodies_are_read_and_large_ones_rejected(port):
    chunk = b'Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n{"level_percent": 5}\r\n'
    assert exchange(port, POST, chunk, b"0\r\n\r\n")[0]["status"] == "200"
    endless = [b"10000\r\n" + b"x" * 0x10000 + b"\r\n"] * 3
    closing = b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert exchange(port, POST, closing, *endless)[0]["status"] == "413"
    assert exchange(port, POST, b"Content-Length: 70000\r\n\r\n")[0]["status"] == "413"


def test_paths_and_headers_reach_the_application_as_sent(port):
    body = get(port, "/v1/a%20b%C3%A9?q=1")[1]
    assert json.loads(body)["instance"] == "/v1/a b\u00e9"
    headers = b"X_Request_Id: no\r\nX-Request-Id: yes\r\nConnection: close\r\n\r\n"
    assert exchange(port, GET, headers)[0]["x-request-id"] == "yes"


def test_clients_that_do_not_read_do_not_block_others(port):
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            connection.connect(("127.0.0.1", port))
            request = b"GET /v1/series/people/observations HTTP/1.1\r\nHost: x\r\n\r\n"
            connection.sendall(request * 40)
        assert get(port, "/livez")[0] == 200


MALFORMED = [
    [b"hello\r\n\r\n"],
    [GET + b"A header\r\n\r\n"],
    [GET + b"Content-Length: -1\r\n\r\n"],
    [b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n"],
    [GET + b"".join(b"A%d: 1\r\n" % number for number in range(200)) + b"\r\n"],
    [b"GET /", *[b"x" * 100_000] * 50],
    [GET + b"A: ", *[b"x" * 100_000] * 50],
    [GET, *[b"A: 1\r\n" * 10_000] * 50],
]


def test_malformed_requests_are_rejected_and_do_not_block_others(port):
    for parts in MALFORMED:
        with contextlib.suppress(ConnectionError):
            head, body = exchange(port, *parts)
            assert head["status"] in ("400", "414", "431"), parts[0][:80]
            assert b"xxx" not in body, parts[0][:80]
        assert get(port, "/livez")[0] == 200, parts[0][:80]


def is_server(process):
    with contextlib.suppress(psutil.Error):  # such as one of an earlier test that has ended
        return "serve" in process.cmdline()


def test_workers_end_with_a_killed_server(settings):
    with run_server(settings, workers=2):
        (running,) = filter(is_server, psutil.Process().children())
        wait_until(lambda: len(running.children()) == 2, "both workers are started")
        workers = running.children()
        running.kill()
        assert not psutil.wait_procs(workers, timeout=BOUND)[1]


def test_metrics_of_a_killed_server_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")  # restored after the test
    with server._shared_metrics("[::1]:8000"):
        left = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
        (left / "counter_1.db").write_bytes(b"x")
        with server._shared_metrics("127.0.0.1:8000"):
            assert len({*tmp_path.iterdir()}) == 2, "the folder of a running server is kept"
        with server._shared_metrics("[::1]:8000"):
            (folder,) = tmp_path.rglob("*")
            assert folder.stat().st_mode & 0o777 == 0o700
            assert folder.name[:-8] == left.name[:-8] and folder != left, "the name is random"
    assert not [*tmp_path.iterdir()]
