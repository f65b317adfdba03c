from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from service import server
from service.core.settings import Settings
from tests.service.support import ROOT, as_environment, command, serving
from tests.support.waiting import BOUND, PROCESS, wait_until

# The deadlines of the real server are too long for a test.
START = (
    "from service import server; from service.core import settings; "
    "server._HEADER_MILLISECONDS = 2000; server._BODY_SECONDS = 2.0; "
    "server.serve(settings.load())"
)


@pytest.fixture(scope="module")
def port(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a real server with two threads; one for all, as it has to outlive every request."""
    var = tmp_path_factory.mktemp("server")
    shutil.copy(published / "after-refit.sqlite", var / "crossings.sqlite")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
    own = Settings(var_dir=var, port=free, threads=2)
    arguments = [*command()[:1], "-c", START]
    child = subprocess.Popen(
        arguments,
        env=as_environment(own),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )

    def is_ready() -> bool:
        assert child.poll() is None
        with contextlib.suppress(OSError):
            return ask(free, "/readyz")[0] == 200
        return False

    wait_until(is_ready, "the server is ready")
    yield free
    child.send_signal(signal.SIGTERM)
    _, said = child.communicate(timeout=PROCESS)
    assert child.returncode == 0
    assert "Traceback" not in said


def ask(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=BOUND)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


POST = b"POST /v1/series/people/scenarios HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
UNFINISHED = {
    "silent": b"",
    "half a request line": b"GET /livez HT",
    "half a body": POST + b'Content-Length: 100\r\n\r\n{"level',
    "half a chunk": POST + b'Transfer-Encoding: chunked\r\n\r\n20\r\n{"level',
}


def test_requests_that_never_end_silence_nothing(port: int) -> None:
    """Neither what is read nor what is posted."""
    with contextlib.ExitStack() as held:
        for sent in UNFINISHED.values():
            for _ in range(20):
                one = held.enter_context(socket.create_connection(("127.0.0.1", port)))
                one.sendall(sent)
            assert ask(port, "/livez")[0] == 200
        whole = b'{"level_percent": 5}'
        head = b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(whole)
        assert talk(port, POST, head, whole)[0]["status"] == "200"


@pytest.mark.parametrize("kind", ["half a request line", "half a body", "half a chunk"])
def test_a_request_that_does_not_end_is_given_up(port: int, kind: str) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=BOUND) as one:
        one.sendall(UNFINISHED[kind])
        came = b""
        with contextlib.suppress(ConnectionError):
            while more := one.recv(65_536):
                came += more
    assert came == b"" or came.startswith(b"HTTP/1.1 408 ")


def test_bodies_arrive_whole_and_large_ones_are_refused(port: int) -> None:
    chunk = b'Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n{"level_percent": 5}\r\n'
    assert talk(port, POST, chunk, b"0\r\n\r\n")[0]["status"] == "200"
    endless = [b"10000\r\n" + b"x" * 0x10000 + b"\r\n"] * 3
    closing = b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert talk(port, POST, closing, *endless)[0]["status"] == "413"
    assert talk(port, POST, b"Content-Length: 70000\r\n\r\n")[0]["status"] == "413"


def test_paths_and_headers_reach_the_application_as_sent(port: int) -> None:
    body = ask(port, "/v1/a%20b%C3%A9?q=1")[1]
    assert json.loads(body)["instance"] == "/v1/a b\u00e9"
    assert (
        talk(port, GET, b"X_Request_Id: no\r\nX-Request-Id: yes\r\nConnection: close\r\n\r\n")[0][
            "x-request-id"
        ]
        == "yes"
    )


def test_those_who_never_read_do_not_silence_it(port: int) -> None:
    deaf = []
    for _ in range(4):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        one.connect(("127.0.0.1", port))
        one.sendall(b"GET /v1/series/people/observations HTTP/1.1\r\nHost: x\r\n\r\n" * 40)
        deaf.append(one)
    assert ask(port, "/livez")[0] == 200
    for one in deaf:
        one.close()


def test_the_server_answers_as_the_application_does(port: int) -> None:
    status, body = ask(port, "/v1/series/people/forecast?horizon=2")
    assert status == 200
    assert body.count(b'"horizon_days"') == 2
    assert ask(port, "/v1/series/people/forecast?horizon=0")[0] == 400


def talk(port: int, *parts: bytes) -> tuple[dict[str, str], bytes]:
    """Send these bytes, and read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=BOUND) as one:
        with contextlib.suppress(OSError):  # it may have heard enough
            for part in parts:
                one.sendall(part)
        came = b""
        while more := one.recv(65_536):
            came += more
    head, _, body = came.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines[1:])
    return {"status": lines[0].split()[1]} | {k.lower(): v for k, v in fields.items()}, body


GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n"


NO_REQUESTS = [
    [b"hello\r\n\r\n"],
    [b"GET /livez HTTP/9.9\r\n\r\n"],
    [b"G\x00T / HTTP/1.1\r\n\r\n"],
    [GET + b"A header\r\n\r\n"],
    [GET + b"A: 1\r\n 2\r\n\r\n"],
    [GET + b"Content-Length: -1\r\n\r\n"],
    [GET + b"Transfer-Encoding: strange\r\n\r\n"],
    [b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n"],
    [GET + b"A: " + b"x" * 1_000_000 + b"\r\n\r\n"],
    [GET + b"".join(b"A%d: 1\r\n" % at for at in range(200)) + b"\r\n"],
    [b"GET /", *[b"x" * 100_000] * 50],
    [GET + b"A: ", *[b"x" * 100_000] * 50],
    [GET, *[b"A: 1\r\n" * 10_000] * 50],
]


def test_what_is_no_request_is_refused(port: int) -> None:
    """Also when it goes on and on; and the next one is answered."""
    for parts in NO_REQUESTS:
        with contextlib.suppress(ConnectionError):
            head, body = talk(port, *parts)
            assert head["status"] in ("400", "414", "431"), parts[0][:80]
            assert b"xxx" not in body, parts[0][:80]
        assert ask(port, "/livez")[0] == 200, parts[0][:80]


def test_a_flood_of_headers_does_not_silence_it(port: int) -> None:
    """Eight at once who send headers without end, beside one who asks."""
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", port), timeout=5) as one,
            ):
                one.sendall(GET)
                while not stop.is_set():
                    one.sendall(b"A: 1\r\n" * 1_000)

    threads = [threading.Thread(target=flood) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            assert ask(port, "/livez")[0] == 200
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_workers_are_replaced_on_hangup_and_their_memory_is_forgotten(
    settings: Settings,
) -> None:
    with serving(settings, workers=2) as base:
        port = int(base.rpartition(":")[2])

        def workers() -> set[bytes]:
            return set(
                re.findall(
                    rb'crossings_worker_memory_bytes{worker="(\d+)"}', ask(port, "/metrics")[1]
                )
            )

        wait_until(lambda: len(workers()) == 2, "both workers are there")
        before = workers()
        worker = psutil.Process(int(next(iter(before))))
        parent = worker.parent()
        assert parent is not None
        parent.send_signal(signal.SIGHUP)
        wait_until(lambda: len(workers()) == 2 and not workers() & before, "both are replaced")


def test_metrics_of_a_killed_server_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")  # so that it is put back
    with server._shared_metrics("[::1]:8000"):
        left = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
        (left / "counter_1.db").write_bytes(b"x")
        with server._shared_metrics("127.0.0.1:8000"):
            assert len({*tmp_path.iterdir()}) == 2, "the folder of a server that runs stays"
        with server._shared_metrics("[::1]:8000"):
            (folder,) = tmp_path.rglob("*")
            assert folder.stat().st_mode & 0o777 == 0o700
            assert folder.name[:-8] == left.name[:-8] and folder != left, "nobody can foresee it"
    assert not [*tmp_path.iterdir()]
