"""deploy/nginx.conf under a real nginx, before two replicas that a name server tells of."""

from __future__ import annotations

import json
import shutil
import socket
import struct
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import EnvironBuilder

from tests.support.waiting import BOUND, wait_until

ROOT = Path(__file__).resolve().parent.parent
CONF = (ROOT / "deploy" / "nginx.conf").read_text("utf-8")
_NGINX = shutil.which("nginx")
pytestmark = pytest.mark.skipif(_NGINX is None, reason="no nginx is at hand")


class Replica:
    """Says who it is and what it was sent, or 503."""

    def __init__(self, host: str, port: int = 0) -> None:
        replica = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = json.dumps({"who": host, "headers": dict(self.headers)}).encode()
                self.send_response(replica.status)
                self.send_header("Content-Type", "application/problem+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.status = 200
        self.server = ThreadingHTTPServer((host, port), Handler)
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Names:
    """A name server that answers every question with the addresses that it is told."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                question, who = self._socket.recvfrom(512)
            except OSError:
                return
            count = len(self.addresses)
            head = question[:2] + struct.pack(">HHHHH", 0x8180, 1, count, 0, 0)
            rows = (
                struct.pack(">HHHIH", 0xC00C, 1, 1, 600, 4) + socket.inet_aton(address)
                for address in self.addresses
            )
            self._socket.sendto(head + question[12:] + b"".join(rows), who)

    def stop(self) -> None:
        self._socket.close()


class House:
    """nginx as it is deployed, two replicas on addresses of their own, and their name server."""

    def __init__(self, folder: Path) -> None:
        first = Replica("127.0.0.2")
        self.replicas = [first, Replica("127.0.0.3", first.port)]
        self.names = Names("127.0.0.2", "127.0.0.3")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        conf = CONF
        for name, here in (
            ("/tmp/", f"{folder}/"),
            ("/dev/stderr", f"{folder}/log"),
            ("127.0.0.11", f"127.0.0.1:{self.names.port}"),
            ("api:8000", f"api:{first.port}"),
            ("listen 8080", f"listen 127.0.0.1:{port}"),
            ("worker_processes auto", "worker_processes 1"),
        ):
            assert name in conf
            conf = conf.replace(name, here)
        (folder / "nginx.conf").write_text(conf, "utf-8")
        command = [str(_NGINX), "-c", str(folder / "nginx.conf"), "-e", str(folder / "log")]
        self.child = subprocess.Popen([*command, "-g", "daemon off;"])
        self.address = f"http://127.0.0.1:{port}/"
        self.until(lambda: self.ask()[0] == 200)

    def ask(self, **headers: str) -> tuple[int, str, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.address, headers=named), timeout=BOUND
            ) as answer:
                return answer.status, answer.headers["Content-Type"], json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["Content-Type"], None
        except OSError:
            return 0, "", None

    def until(self, is_so: Callable[[], bool]) -> None:
        def is_so_or_ended() -> bool:
            assert self.child.poll() is None, "nginx ended"
            return is_so()

        wait_until(is_so_or_ended, "nginx answers so")

    def stop(self) -> None:
        self.child.terminate()
        self.child.wait(BOUND)
        self.names.stop()
        for replica in self.replicas:
            replica.stop()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.stop()


def test_a_replica_that_says_503_is_not_taken_for_dead(house: House) -> None:
    for replica in house.replicas:
        replica.status = 503
    found = {house.ask()[:2] for _ in range(30)}
    assert found == {(503, "application/problem+json")}
    for replica in house.replicas:
        replica.status = 200
    assert {house.ask()[0] for _ in range(10)} == {200}, "and answers at once when it can"


def test_a_replica_that_is_gone_costs_nobody_an_answer(house: House) -> None:
    found = [house.ask() for _ in range(40)]
    assert {body["who"] for _, _, body in found} == {"127.0.0.2", "127.0.0.3"}
    house.replicas.pop().stop()
    found = [house.ask() for _ in range(20)]
    assert {(status, body["who"]) for status, _, body in found} == {(200, "127.0.0.2")}


def test_replicas_may_be_replaced_while_it_runs(house: House) -> None:
    port = house.replicas[0].port
    for replica in house.replicas:
        replica.stop()
    house.replicas[:] = [Replica("127.0.0.4", port)]
    assert house.ask()[0] == 502
    house.names.addresses = ("127.0.0.4",)
    house.until(lambda: house.ask()[0] == 200)


@pytest.mark.parametrize(
    ("proxies", "address", "scheme", "host"),
    [(1, "127.0.0.1", "http", "127.0.0.1"), (2, "192.0.2.7", "https", "forecast.example.org")],
)
def test_what_is_believed_is_what_the_proxies_say(
    house: House, proxies: int, address: str, scheme: str, host: str
) -> None:
    """Of one who comes straight to it nothing; of a proxy before it, when there are two, all."""
    _, _, body = house.ask(
        X_Forwarded_For="198.51.100.9, 192.0.2.7",
        X_Forwarded_Proto="https",
        X_Forwarded_Host="forecast.example.org",
    )
    environ = EnvironBuilder(headers=body["headers"]).get_environ()
    environ["REMOTE_ADDR"] = "172.18.0.5"  # nginx's, in its network
    ProxyFix(lambda *_: [], proxies, proxies, proxies)(environ, lambda *_: None)  # type: ignore
    assert environ["REMOTE_ADDR"] == address
    assert environ["wsgi.url_scheme"] == scheme
    assert environ["HTTP_HOST"].partition(":")[0] == host


def test_without_a_proxy_before_it_only_its_own_word_is_sent(house: House) -> None:
    _, _, body = house.ask()
    sent = {name.lower(): value for name, value in body["headers"].items()}
    assert sent["x-forwarded-for"] == "127.0.0.1"
    assert sent["x-forwarded-proto"] == "http"
    assert sent["x-forwarded-host"] == sent["host"] == house.address.split("/")[2]
