from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import server as module
from service.settings import Settings
from tests.service.support import ROOT, as_environment, command
from tests.support.waiting import BOUND, wait_until

# The deadlines of the real server are too long for a test.
START = (
    "from service import server, settings; "
    "server._ASK_SECONDS = 1.0; server._ANSWER_SECONDS = 2.0; server.serve(settings.load())"
)


@pytest.fixture
def port(settings: Settings) -> Iterator[int]:
    """Port of a real gunicorn with two threads."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
    own = settings.model_copy(update={"port": free, "threads": 2})
    arguments = [*command()[:1], "-c", START]
    child = subprocess.Popen(
        arguments,
        env=as_environment(own),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )

    def answers() -> bool:
        assert child.poll() is None, "the server ended"
        with contextlib.suppress(OSError):
            return ask(free, "/readyz")[0] == 200
        return False

    wait_until(answers, "the server is ready")
    yield free
    child.send_signal(signal.SIGTERM)
    _, said = child.communicate(timeout=BOUND)
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


def test_those_who_never_finish_asking_do_not_silence_it(port: int) -> None:
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(6)]
    for one in silent:
        one.sendall(b"GET /livez HT")
    assert ask(port, "/livez")[0] == 200
    for one in silent:
        one.close()


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
    ([b"hello\r\n\r\n"], 400),
    ([b"GET /livez HTTP/9.9\r\n\r\n"], 400),
    ([b"G\x00T / HTTP/1.1\r\n\r\n"], 400),
    ([GET + b"A header\r\n\r\n"], 400),
    ([GET + b"A: 1\r\n 2\r\n\r\n"], 400),
    ([GET + b"Content-Length: -1\r\n\r\n"], 400),
    ([GET + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"], 400),
    ([GET + b"Transfer-Encoding: strange\r\n\r\n"], 501),
    ([b"GET /" + b"x" * 5_000 + b" HTTP/1.1\r\n\r\n"], 414),
    ([GET + b"A: " + b"x" * 5_000 + b"\r\n\r\n"], 431),
    ([GET + b"".join(b"A%d: 1\r\n" % at for at in range(60)) + b"\r\n"], 431),
    ([b"GET /", *[b"x" * 100_000] * 50], 414),
    ([GET + b"A: ", *[b"x" * 100_000] * 50], 431),
    ([GET, *[b"A: 1\r\n" * 10_000] * 50], 431),
]


def test_what_is_no_request_is_refused_as_a_problem(port: int) -> None:
    """Also when it goes on and on; and the next one is answered."""
    for parts, status in NO_REQUESTS:
        head, body = talk(port, *parts)
        kind = "application/problem+json"
        assert (head["status"], head["content-type"]) == (str(status), kind), parts[0]
        said = json.loads(body)
        assert int(head["content-length"]) == len(body)
        assert (said["status"], said["type"]) == (status, "about:blank")
        assert said["detail"].startswith("expected ")
        assert set(said) == {"type", "title", "status", "detail", "instance"}
        assert b"xxx" not in body
        assert ask(port, "/livez")[0] == 200


def test_a_flood_of_headers_does_not_silence_it(port: int) -> None:
    """Four at once who send headers without end, twice as many as there are threads."""
    stop, flooding = threading.Event(), set[int]()

    def flood() -> None:
        while not stop.is_set():
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", port), timeout=BOUND) as one,
            ):
                one.sendall(GET)
                flooding.add(threading.get_ident())
                while not stop.is_set():
                    one.sendall(b"A: 1\r\n" * 1_000)

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(flooding) == len(threads), "all of them send")
        for _ in range(2):
            assert ask(port, "/livez")[0] == 200
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_the_address_of_version_6_is_understood(tmp_path: Path) -> None:
    made = module._Server(Settings(var_dir=tmp_path, host="::1", port=8123), lambda _: None)
    assert made.cfg.address == [("::1", 8123)]
    assert made.cfg.worker_class is module.Worker
    assert made.cfg.threads == 4
