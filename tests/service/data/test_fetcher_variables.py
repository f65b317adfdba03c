from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from service.data.fetcher import Fetcher
from service.data.source import Unreachable
from tests.service.data.test_fetcher import HTML
from tests.support.sites import Sites


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
        ("HTTPS_PROXY", "ftp://user:secret@127.0.0.1:1"),
        ("http_proxy", "http://user:secret@127.0.0.1:port"),
        ("NO_PROXY", "localhost,[::1]:80"),
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
