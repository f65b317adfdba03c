from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import server as module
from service.settings import Settings
from tests.service.support import ROOT, as_environment, command

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
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and child.poll() is None:
        try:
            assert ask(free, "/readyz")[0] == 200
            break
        except OSError:
            time.sleep(0.05)
    yield free
    child.send_signal(signal.SIGTERM)
    _, said = child.communicate(timeout=20)
    assert child.returncode == 0
    assert "Traceback" not in said


def ask(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
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
    began = time.monotonic()
    assert ask(port, "/livez")[0] == 200
    assert time.monotonic() - began < 15
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


def test_the_address_of_version_6_is_understood(tmp_path: Path) -> None:
    made = module._Server(Settings(var_dir=tmp_path, host="::1", port=8123), lambda _: None)
    assert made.cfg.address == [("::1", 8123)]
    assert made.cfg.worker_class is module.Worker
    assert made.cfg.threads == 4
