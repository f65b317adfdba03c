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
from service.data.network import describe_error
from service.data.source import Unreachable
from tests.support.sites import Sites

HTML = ("text/html",)


@pytest.fixture(autouse=True)
def no_proxies_or_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT"):
            monkeypatch.delenv(name)


def fetch_error(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(Unreachable) as caught:
        replace(fetcher, attempts=1, sites=()).get(url, HTML, 1000)
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
def test_invalid_proxy_is_named_without_its_password(
    fetcher: Fetcher, sites: Sites, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    message = fetch_error(fetcher, f"{sites.url}/a")
    assert message.startswith(f"{name}: expected proxies such as http://proxy.example.org:3128")
    assert message.endswith("found something else")
    assert sites.requests == []


def test_missing_or_invalid_certificate_file_is_named(
    fetcher: Fetcher, sites: Sites, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    start = "SSL_CERT_FILE: expected files that can be used (PEM), found "
    message = fetch_error(fetcher, f"{sites.url}/a")
    assert message == f"{start}No such file or directory"
    (tmp_path / "ca.pem").write_text("no certificate")
    message = fetch_error(fetcher, f"{sites.url}/a")
    assert message.startswith(start)
    assert "no certificate" in message


def test_unwritable_key_log_is_named(
    fetcher: Fetcher, sites: Sites, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "none" / "keys"))
    message = fetch_error(fetcher, f"{sites.url}/a")
    assert message.startswith("SSLKEYLOGFILE: expected files that can be used (PEM), found ")


def test_unreachable_proxy_is_named(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    message = fetch_error(fetcher, "http://www.example.org/a")
    assert "Connection refused, through the proxy that HTTP_PROXY names" in message
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert "proxy" not in fetch_error(fetcher, "http://127.0.0.1:9/a")


def test_unresolved_host_name_is_explained() -> None:
    try:
        raise httpx.ConnectError("[Errno -2] Name or service not known") from socket.gaierror(-2)
    except httpx.ConnectError as error:
        assert describe_error(error) == "the name of the host could not be resolved"


def test_untrusted_certificate_is_explained(
    fetcher: Fetcher, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"https://127.0.0.1:{server.server_address[1]}/a"
    try:
        message = fetch_error(fetcher, url)
        assert "the certificate is not trusted" in message
        assert "; SSL_CERT_FILE may name another" in message
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
        assert f"; SSL_CERT_FILE is {tmp_path / 'other.pem'}" in fetch_error(fetcher, url)
    finally:
        server.shutdown()
        server.server_close()
