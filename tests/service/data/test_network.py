from __future__ import annotations

import http.server
import os
import socket
import ssl
import threading
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import trustme

from service.data.fetcher import Fetcher
from service.data.network import plain
from service.data.source import NotReached
from tests.support.sites import Sites

HTML = ("text/html",)


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT"):
            monkeypatch.delenv(name)


def fault(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(NotReached) as caught:
        replace(fetcher, attempts=1, hosts=frozenset()).get(url, HTML, 1000)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:1080"),
        ("all_proxy", "socks5h://user:secret@127.0.0.1:1080"),
        ("HTTPS_PROXY", "ftp://user:secret@127.0.0.1:1"),
        ("http_proxy", "http://user:secret@127.0.0.1:port"),
        ("HTTPS_PROXY", "http://[::1"),
        ("HTTP_PROXY", "http://\udcff"),
        ("NO_PROXY", "localhost,[::1]:80"),
        ("no_proxy", "\udcff"),
    ],
)
def test_a_proxy_that_is_none_is_named_without_its_password(
    fetcher: Fetcher, sites: Sites, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    message = fault(fetcher, f"{sites.url}/a")
    assert message.startswith(f"{name}: expected proxies such as http://proxy.example.org:3128")
    assert message.endswith("found something else")
    assert sites.asked == []


def test_certificates_that_are_not_there_or_none_are_named(
    fetcher: Fetcher, sites: Sites, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    start = "SSL_CERT_FILE: expected files that can be used (PEM), found "
    message = fault(fetcher, f"{sites.url}/a")
    assert message == f"{start}No such file or directory"
    (tmp_path / "ca.pem").write_text("no certificate")
    message = fault(fetcher, f"{sites.url}/a")
    assert message.startswith(start)
    assert "no certificate" in message


def test_a_key_log_that_cannot_be_written_is_named(
    fetcher: Fetcher, sites: Sites, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "none" / "keys"))
    message = fault(fetcher, f"{sites.url}/a")
    assert message.startswith("SSLKEYLOGFILE: expected files that can be used (PEM), found ")


def test_a_proxy_that_does_not_answer_is_named(
    fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    said = fault(fetcher, "http://www.example.org/a")
    assert "Connection refused, through the proxy that HTTP_PROXY names" in said
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert "proxy" not in fault(fetcher, "http://127.0.0.1:9/a")


def test_a_name_that_has_no_address_is_said_in_words() -> None:
    try:
        raise httpx.ConnectError("[Errno -2] Name or service not known") from socket.gaierror(-2)
    except httpx.ConnectError as error:
        assert plain(error) == "the name of the host could not be resolved"


def test_a_certificate_that_is_not_trusted_is_said_in_words(
    fetcher: Fetcher, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def serve(by: trustme.CA) -> http.server.HTTPServer:
        server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        by.issue_cert("127.0.0.1").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    other = trustme.CA()
    other.cert_pem.write_to_path(str(tmp_path / "other.pem"))
    server = serve(authority)
    url = f"https://127.0.0.1:{server.server_address[1]}/a"
    try:
        said = fault(fetcher, url)
        assert "the certificate is not trusted" in said
        assert "; SSL_CERT_FILE may name another" in said
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
        assert f"; SSL_CERT_FILE is {tmp_path / 'other.pem'}" in fault(fetcher, url)
    finally:
        server.shutdown()
        server.server_close()
