"""Fetching documents: retries, redirects, limits and errors."""

from __future__ import annotations

import datetime as dt
import gzip
import os
import time
from dataclasses import replace
from email.utils import format_datetime

import pytest

from service.data.source import SourceError, Unreachable
from tests.support.sites import SiteResponse, stalled, with_etag

HTML = ("text/html",)


def fetch(fetcher, sites, path="/a", **more):
    return fetcher.get(sites.url + path, HTML, 1000, **more).content  # type: ignore[arg-type]


def test_user_agent_has_name_and_contact(fetcher, sites):
    sites.replies["/a"] = SiteResponse(b"hello")
    assert fetch(fetcher, sites) == b"hello"
    agent = sites.requests[0].headers["user-agent"]
    assert agent.startswith("channel-crossings-forecast/")
    assert agent.endswith(" (+https://example.org/contact)")
    assert "httpx" not in agent


def test_validators_are_sent_and_304_is_unchanged(fetcher, sites):
    sites.replies["/a"] = with_etag(SiteResponse(b"hello"), '"v1"')
    first = fetcher.get(f"{sites.url}/a", HTML, 1000)
    assert (first.content, first.is_unchanged) == (b"hello", False)
    assert first.validators == ('"v1"', None)
    validators = ('"v1"', "Wed, 31 Dec 2025")
    second = fetcher.get(f"{sites.url}/a", HTML, 1000, validators=validators)
    assert (second.content, second.is_unchanged) == (b"", True)
    assert sites.requests[1].headers["if-modified-since"] == "Wed, 31 Dec 2025"


@pytest.mark.parametrize("status", [429, 500])
def test_temporary_error_is_retried(fetcher, sites, status):
    failure = SiteResponse(status=status)
    sites.replies["/a"] = [failure, SiteResponse(b"hello"), failure]
    assert fetch(fetcher, sites) == b"hello"
    assert sites.times("/a") == 2
    with pytest.raises(Unreachable, match=f"expected 200 OK, found {status} "):
        fetch(fetcher, sites)
    assert sites.times("/a") == 2 + 3


def test_client_error_is_reported_with_its_reason_and_not_retried(fetcher, sites):
    body = b'{"error":true,"reason":"Daily API request limit exceeded."}'
    sites.replies["/a"] = SiteResponse(body, "application/json", 400)
    expected = r"found 400 Bad Request \(Daily API request limit exceeded.\)"
    with pytest.raises(SourceError, match=expected) as caught:
        fetch(fetcher, sites)
    assert not isinstance(caught.value, Unreachable)
    assert sites.times("/a") == 1


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [
        ("1", 1.0),
        *((wait, 0.0) for wait in ("soon", "-5", "Wed, 99 Dec 2025", "x" * 50_000, "²")),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0.0),
    ],
)
def test_retry_after_is_honoured_unless_invalid(fetcher, sites, wait, seconds):
    busy = SiteResponse(status=429, headers={"Retry-After": wait})
    sites.replies["/a"] = [busy, SiteResponse(b"hello")]
    began = time.monotonic()
    assert fetch(fetcher, sites) == b"hello"
    assert time.monotonic() - began >= seconds


def test_retry_after_may_be_a_date(fetcher, sites):
    date = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(hours=2), usegmt=True)
    sites.replies["/a"] = SiteResponse(status=503, headers={"Retry-After": date})
    with pytest.raises(Unreachable, match=r"503 .* which asks to wait 7\d\d\d s"):
        fetch(fetcher, sites)


@pytest.mark.parametrize(
    "wait", ["3600", "999999999999999999999", "Fri, 31 Dec 9999 23:59:59 -2359"]
)
def test_too_long_retry_after_is_not_awaited(fetcher, sites, wait):
    sites.replies["/a"] = SiteResponse(status=429, headers={"Retry-After": wait})
    with pytest.raises(Unreachable, match=r"429 .* which asks to wait (?:3600|\d{9,}) s"):
        fetch(fetcher, sites)
    assert sites.times("/a") == 1


def test_stalled_body_is_retried_then_not_reached(fetcher, sites):
    sites.replies["/a"] = SiteResponse(behave=stalled)
    with pytest.raises(Unreachable, match="after up to 3 attempts"):
        fetch(replace(fetcher, read_seconds=0.3), sites)
    assert sites.times("/a") == 3


def test_redirect_loop_is_rejected(fetcher, sites):
    sites.replies["/a"] = SiteResponse(status=302, headers={"Location": "/a"})
    with pytest.raises(SourceError, match="expected an answer, found more than 5 redirects"):
        fetch(fetcher, sites)
    assert sites.times("/a") == 6


@pytest.mark.parametrize("allowed", ["the site", ""])
@pytest.mark.parametrize("target", ["http://127.0.0.2:1/x", "https://{}/a"])
def test_redirect_to_another_host_or_scheme_is_rejected(fetcher, sites, target, allowed):
    target = target.format(sites.host)
    sites.replies["/a"] = SiteResponse(status=302, headers={"Location": target})
    with pytest.raises(SourceError, match=f"{target[:-2]}/.: expected one of the sites"):
        fetch(replace(fetcher, sites=fetcher.sites if allowed else ()), sites)


def test_body_too_large_when_unpacked_is_rejected(fetcher, sites):
    packed = gzip.compress(b"x" * 100_000)
    assert len(packed) < 1000
    sites.replies["/a"] = SiteResponse(packed, headers={"Content-Encoding": "gzip"})
    with pytest.raises(SourceError, match="found over 1,000 bytes when unpacked"):
        fetch(fetcher, sites)


@pytest.mark.parametrize("url", ["nowhere", "gopher://127.0.0.1/", "http://127.0.0.1/\ud800"])
def test_invalid_address_is_rejected(fetcher, url):
    with pytest.raises(SourceError) as caught:
        replace(fetcher, attempts=1, sites=()).get(url, HTML, 1000)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "response",
    [SiteResponse(status=404), SiteResponse(b"x", "text/plain"), SiteResponse(b"hel", length=5)],
    ids=["status", "type", "cut"],
)
def test_api_key_and_password_are_not_in_errors(fetcher, sites, response):
    sites.replies["/a"] = response
    with_password = sites.url.replace("//", "//me:geheim@")
    for base, params in ((sites.url, {"apikey": "geheim"}), (with_password, {})):
        with pytest.raises(SourceError) as caught:
            fetcher.get(f"{base}/a", HTML, 1000, params=params)
        assert "geheim" not in str(caught.value) + repr(caught.value)
        assert str(caught.value).startswith(f"{sites.url}/a: ")
    assert sites.requests[0].query["apikey"] == ["geheim"]


@pytest.fixture
def no_proxies_or_certificates(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT"):
            monkeypatch.delenv(name)


def fetch_error(fetcher, url):
    with pytest.raises(Unreachable) as caught:
        replace(fetcher, attempts=1, sites=()).get(url, HTML, 1000)
    return str(caught.value)


@pytest.mark.usefixtures("no_proxies_or_certificates")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks://127.0.0.1:1080"),
        ("HTTPS_PROXY", "ftp://user:secret@127.0.0.1:1"),
        ("http_proxy", "http://user:secret@127.0.0.1:port"),
        ("NO_PROXY", "localhost,[::1]:80"),
    ],
)
def test_invalid_proxy_is_named_without_its_password(fetcher, sites, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    message = fetch_error(fetcher, f"{sites.url}/a")
    assert message.startswith(f"{name}: expected proxies such as http://proxy.example.org:3128")
    assert message.endswith("found something else")
    assert sites.requests == []


@pytest.mark.usefixtures("no_proxies_or_certificates")
def test_missing_or_invalid_certificate_file_is_named(fetcher, sites, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    start = "SSL_CERT_FILE: expected files that can be used (PEM), found "
    message = fetch_error(fetcher, f"{sites.url}/a")
    assert message == f"{start}No such file or directory"
    (tmp_path / "ca.pem").write_text("no certificate")
    message = fetch_error(fetcher, f"{sites.url}/a")
    assert message.startswith(start)
    assert "no certificate" in message
