"""deploy/nginx.conf in a real nginx, with two replicas and a name server."""

import json
import shutil
import socket
import struct
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import EnvironBuilder

from tests.service.support import free_port
from tests.support.loopback import Loopback, QuietHandler
from tests.support.waiting import BOUND, wait_until

ROOT = Path(__file__).resolve().parent.parent
CONF = (ROOT / "deploy" / "nginx.conf").read_text("utf-8")
_NGINX = shutil.which("nginx")
pytestmark = pytest.mark.skipif(_NGINX is None, reason="nginx is not installed")


class Replica:
    """A server that returns its host and the request's headers, with `status`."""

    def __init__(self, host, port=0):
        replica = self

        class Handler(QuietHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = json.dumps({"host": host, "headers": dict(self.headers)}).encode()
                self.send_response(replica.status)
                self.send_header("Content-Type", "application/problem+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.status = 200
        self.server = Loopback(Handler, host, port)
        self.port = self.server.server_address[1]
        self.server.begin()


class NameServer:
    """A name server that answers every query with `addresses`."""

    def __init__(self, *addresses):
        self.addresses = addresses
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                query, client = self._socket.recvfrom(512)
            except OSError:
                return
            count = len(self.addresses)
            head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, count, 0, 0)
            rows = (
                struct.pack(">HHHIH", 0xC00C, 1, 1, 600, 4) + socket.inet_aton(address)
                for address in self.addresses
            )
            self._socket.sendto(head + query[12:] + b"".join(rows), client)

    def stop(self):
        self._socket.close()


class Deployment:
    """nginx with the deployed configuration, two replicas and their name server."""

    def __init__(self, folder):
        first = Replica("127.0.0.2")
        self.replicas = [first, Replica("127.0.0.3", first.port)]
        self.name_server = NameServer("127.0.0.2", "127.0.0.3")
        port = free_port()
        conf = CONF
        for deployed, local in (
            ("/tmp/", f"{folder}/"),
            ("/dev/stderr", f"{folder}/log"),
            ("127.0.0.11", f"127.0.0.1:{self.name_server.port}"),
            ("api:8000", f"api:{first.port}"),
            ("listen 8080", f"listen 127.0.0.1:{port}"),
            ("worker_processes auto", "worker_processes 1"),
        ):
            assert deployed in conf
            conf = conf.replace(deployed, local)
        (folder / "nginx.conf").write_text(conf, "utf-8")
        command = [str(_NGINX), "-c", str(folder / "nginx.conf"), "-e", str(folder / "log")]
        self.child = subprocess.Popen([*command, "-g", "daemon off;"])
        self.address = f"http://127.0.0.1:{port}/"
        self.wait_for_status_200()

    def fetch(self, **headers):
        """Status, content type and body of a response; zero if there is none."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.address, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=BOUND) as response:
                return response.status, response.headers["Content-Type"], json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["Content-Type"], None
        except OSError:
            return 0, "", None

    def wait_for_status_200(self):
        def is_ready():
            assert self.child.poll() is None, "nginx ended"
            return self.fetch()[0] == 200

        wait_until(is_ready, "nginx responds with status 200")

    def stop(self):
        self.child.terminate()
        self.child.wait(BOUND)
        self.name_server.stop()
        for replica in self.replicas:
            replica.server.end()


@pytest.fixture
def deployment(tmp_path):
    deployment = Deployment(tmp_path)
    yield deployment
    deployment.stop()


def test_replica_with_status_503_stays_in_use(deployment):
    for replica in deployment.replicas:
        replica.status = 503
    assert {deployment.fetch()[:2] for _ in range(30)} == {(503, "application/problem+json")}
    for replica in deployment.replicas:
        replica.status = 200
    assert {deployment.fetch()[0] for _ in range(10)} == {200}


def test_requests_succeed_without_one_replica(deployment):
    responses = [deployment.fetch() for _ in range(40)]
    assert {body["host"] for _, _, body in responses} == {"127.0.0.2", "127.0.0.3"}
    deployment.replicas.pop().server.end()
    responses = [deployment.fetch() for _ in range(20)]
    assert {(status, body["host"]) for status, _, body in responses} == {(200, "127.0.0.2")}


def test_replaced_replicas_are_found(deployment):
    port = deployment.replicas[0].port
    for replica in deployment.replicas:
        replica.server.end()
    deployment.replicas[:] = [Replica("127.0.0.4", port)]
    assert deployment.fetch()[0] == 502
    deployment.name_server.addresses = ("127.0.0.4",)
    deployment.wait_for_status_200()


@pytest.mark.parametrize(
    ("proxies", "address", "scheme", "host"),
    [(1, "127.0.0.1", "http", "127.0.0.1"), (2, "192.0.2.7", "https", "forecast.example.org")],
)
def test_forwarded_headers_of_a_client_are_trusted_behind_two_proxies(
    deployment, proxies, address, scheme, host
):
    """With one trusted proxy, which is nginx, they are ignored."""
    _, _, body = deployment.fetch(
        X_Forwarded_For="198.51.100.9, 192.0.2.7",
        X_Forwarded_Proto="https",
        X_Forwarded_Host="forecast.example.org",
    )
    environ = EnvironBuilder(headers=body["headers"]).get_environ()
    environ["REMOTE_ADDR"] = "172.18.0.5"  # nginx
    ProxyFix(lambda *_: [], proxies, proxies, proxies)(environ, lambda *_: None)  # type: ignore
    assert environ["REMOTE_ADDR"] == address
    assert environ["wsgi.url_scheme"] == scheme
    assert environ["HTTP_HOST"].partition(":")[0] == host


def test_forwarded_headers_are_set_without_another_proxy(deployment):
    _, _, body = deployment.fetch()
    headers = {name.lower(): value for name, value in body["headers"].items()}
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == headers["host"] == deployment.address.split("/")[2]
