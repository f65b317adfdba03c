"""Fetching documents: retries, redirects, errors, and limits of time and size."""

import contextlib
import datetime as dt
import gzip
import itertools
import os
import re
import time
from dataclasses import replace
from email.utils import format_datetime
from types import SimpleNamespace

import pytest

from service.data import fetcher as fetcher_module
from service.data.source import SourceError, Unreachable
from tests.support.loopback import run_raw_server
from tests.support.sites import SiteResponse, stalled, with_etag

HTML = ("text/html",)
PACKED = gzip.compress(b"hello")


def fetch(fetcher, sites, **more):
    return fetcher.get(f"{sites.url}/a", HTML, 1000, **more)


def gzipped(content, encoding="gzip"):
    return SiteResponse(content, headers={"Content-Encoding": encoding})


def test_agent_and_validators_are_sent_and_304_is_unchanged(fetcher, sites):
    sites.replies["/a"] = with_etag(SiteResponse(b"hello"), '"v1"')
    first = fetch(fetcher, sites)
    assert (first.content, first.is_unchanged) == (b"hello", False)
    assert first.validators == ('"v1"', None)
    second = fetch(fetcher, sites, validators=('"v1"', "Wed, 31 Dec 2025"))
    assert (second.content, second.is_unchanged) == (b"", True)
    headers = sites.requests[1].headers
    assert headers["if-modified-since"] == "Wed, 31 Dec 2025"
    agent = r"channel-crossings-forecast/[\d.]+ \(\+https://example.org/contact\)"
    assert re.fullmatch(agent, headers["user-agent"])


@pytest.mark.parametrize("status", [429, 500])
def test_temporary_error_is_retried(fetcher, sites, status):
    failure = SiteResponse(status=status)
    sites.replies["/a"] = [failure, gzipped(PACKED), failure]
    assert fetch(fetcher, sites).content == b"hello"
    assert sites.times("/a") == 2
    with pytest.raises(Unreachable, match=f"expected 200 OK, found {status} "):
        fetch(fetcher, sites)
    assert sites.times("/a") == 2 + 3


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (b'{"error":true,"reason":"Limit exceeded."}', r"Request \(Limit exceeded\.\)$"),
        (b'{"reason": "\\ud800\\u0000\\nsecond line"}', r"Request \(.*second line\)$"),
        (b"[" * 2000, "Request$"),
    ],
    ids=["reason", "unprintable", "too deep"],
)
def test_client_error_is_reported_in_one_line_and_not_retried(fetcher, sites, reason, expected):
    sites.replies["/a"] = SiteResponse(reason, "application/json", 400)
    with pytest.raises(SourceError, match=f"found 400 Bad {expected}") as caught:
        fetch(fetcher, sites)
    assert not isinstance(caught.value, Unreachable)
    assert str(caught.value).isprintable()
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
    assert fetch(fetcher, sites).content == b"hello"
    assert time.monotonic() - began >= seconds


@pytest.mark.parametrize(
    "wait",
    ["3600", "in three hours", "999999999999999999999", "Fri, 31 Dec 9999 23:59:59 -2359"],
)
def test_too_long_retry_after_is_not_awaited(fetcher, sites, wait):
    if wait == "in three hours":
        wait = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(hours=3), usegmt=True)
    sites.replies["/a"] = SiteResponse(status=503, headers={"Retry-After": wait})
    with pytest.raises(Unreachable, match=r"503 .* which asks to wait (3600|10\d{3}|\d{9,}) s"):
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
@pytest.mark.parametrize(
    ("target", "message"),
    [
        *(
            (url, "{}: expected one of the sites")
            for url in ("http://127.0.0.2:1/x", "https://{}/a")
        ),
        *((url, "expected") for url in ("http://a..b/", "file:///etc/passwd", "http://[", "\x7f")),
    ],
)
def test_redirect_to_another_site_or_invalid_address_is_rejected(
    fetcher, sites, target, message, allowed
):
    target = target.format(sites.host)
    sites.replies["/a"] = SiteResponse(status=302, headers={"Location": target})
    with pytest.raises(SourceError, match=message.format(target)):
        fetch(replace(fetcher, sites=fetcher.sites if allowed else (), attempts=1), sites)


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"x" * 1001, "identity", "expected at most 1,000 bytes, found more"),
        (gzip.compress(b"x" * 100_000), "gzip", "at most 1,000 bytes when unpacked"),
        (gzip.compress(PACKED), "gzip, gzip", "expected a body compressed with gzip or uncompress"),
        *(
            (broken, "gzip", "expected whole gzip data")
            for broken in (PACKED[:-4], PACKED + b"x", b"not packed")
        ),
    ],
    ids=["too large", "too large when unpacked", "twice", "cut", "more", "not packed"],
)
def test_too_large_or_invalid_body_is_rejected(fetcher, sites, content, encoding, message):
    assert len(content) <= 1001
    sites.replies["/a"] = gzipped(content, encoding)
    with pytest.raises(SourceError, match=message):
        fetch(fetcher, sites)


@pytest.mark.parametrize(
    "url", ["nowhere", "gopher://127.0.0.1/", "http://127.0.0.1/\ud800", "http://[::1/"]
)
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


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        *(
            (name, value, "proxies such as http://proxy.example.org:3128, .*found something else$")
            for name, value in (
                ("ALL_PROXY", "socks://127.0.0.1:1080"),
                ("HTTPS_PROXY", "ftp://user:secret@127.0.0.1:1"),
                ("http_proxy", "http://user:secret@127.0.0.1:port"),
                ("NO_PROXY", "localhost,[::1]:80"),
            )
        ),
        ("SSL_CERT_FILE", "/none/ca.pem", r"files .* \(PEM\), found No such file or directory$"),
        ("SSL_CERT_FILE", __file__, r"files .* \(PEM\), found .*no certificate"),
    ],
)
def test_invalid_proxy_or_certificate_is_named(fetcher, sites, monkeypatch, name, value, message):
    for other in list(os.environ):
        if other.lower().endswith("_proxy") or other.startswith("SSL_CERT"):
            monkeypatch.delenv(other)
    monkeypatch.setenv(name, value)
    with pytest.raises(Unreachable, match=f"^{name}: expected {message}") as caught:
        fetch(replace(fetcher, attempts=1), sites)
    assert "secret" not in str(caught.value)
    assert sites.requests == []


@pytest.fixture
def raw():
    """A server that sends `parts` unchanged, including the head, until the client disconnects."""
    server = SimpleNamespace(parts=iter(()), pause=0.0, sent=0)

    def talk(connection):
        connection.recv(65_536)
        with contextlib.suppress(OSError):
            for part in server.parts:
                connection.sendall(part)
                server.sent += len(part)
                time.sleep(server.pause)

    with run_raw_server(talk) as port:
        server.url = f"http://127.0.0.1:{port}/a"
        yield server


@pytest.fixture
def slow(fetcher, monkeypatch):
    """A fetcher for which ten seconds pass at each look at the clock, however busy the machine."""
    monkeypatch.setattr(fetcher_module, "monotonic", itertools.count(0.0, 10.0).__next__)
    return replace(fetcher, attempts=1, attempt_seconds=500.0)


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: /b\r\n"
GZIP_NAME = b"\x1f\x8b\x08\x08\0\0\0\0\0\x03"  # a file name follows, up to a zero byte


# The beginning of an answer, and a part that is sent again and again.
ENDLESS = [
    (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    (b"HTTP/1.1 200 OK\r\n", b"X: x\r\n"),
    (b"HTTP/1.1 200 ", b"x"),
    (REDIRECT, b"X: x\r\n"),
    (OK + b"\r\n", b"x"),
    (OK + b"Content-Encoding: gzip\r\n\r\n" + GZIP_NAME, b"x"),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1;x=x\r\nx\r\n"),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: x\r\n"),
]


ENDLESS_REASON = (b"HTTP/1.1 500 No\r\n\r\n", b" ")


@pytest.mark.parametrize(
    ("start", "part", "message"),
    [
        *((*one, "no complete answer after 500 s") for one in ENDLESS),
        (*ENDLESS_REASON, "found 500 No$"),
    ],
)
def test_slow_response_ends_at_the_deadline(slow, raw, start, part, message):
    raw.parts, raw.pause = itertools.chain([start], itertools.repeat(part)), 0.005
    with pytest.raises(Unreachable, match=message):
        replace(slow, sites=()).get(raw.url, HTML, 1_000_000)


@pytest.mark.parametrize(("start", "part"), [*ENDLESS, ENDLESS_REASON])
def test_endless_response_ends_at_the_size_limit(fetcher, raw, start, part):
    """The socket buffers hold some megabytes that are never read."""
    raw.parts = itertools.chain([start], itertools.repeat(part * 1000))
    with pytest.raises(SourceError):
        replace(fetcher, attempts=1, sites=()).get(raw.url, HTML, 1000)
    assert raw.sent < 20_000_000


def test_body_of_a_redirect_is_not_read(fetcher, raw, sites):
    sites.replies["/b"] = SiteResponse(b"hello")
    head = f"HTTP/1.1 302 Found\r\nLocation: {sites.url}/b\r\n\r\n".encode()
    raw.parts = itertools.chain([head], itertools.repeat(b"x" * 10_000))
    response = replace(fetcher, sites=(raw.url, sites.url)).get(raw.url, HTML, 1000)
    assert response.content == b"hello"
    assert raw.sent < 20_000_000


def test_deadline_covers_all_redirects(slow, sites, monkeypatch):
    monkeypatch.setattr(fetcher_module, "_MOST_REDIRECTS", 1000)
    sites.replies["/a"] = SiteResponse(status=302, headers={"Location": "/a"})
    with pytest.raises(Unreachable, match="no complete answer after 500 s"):
        fetch(slow, sites)
    assert sites.times("/a") < 50


@pytest.mark.parametrize(
    ("validator", "kept"), [('"v"', '"v"'), ("é", None), ('"' + "x" * 10_000 + '"', None)]
)
def test_validators_are_kept_if_they_can_be_sent(fetcher, raw, validator, kept):
    head = f"Content-Length: 5\r\nETag: {validator}\r\nLast-Modified: {validator}\r\n\r\n"
    raw.parts = iter([OK + head.encode() + b"hello"])
    response = replace(fetcher, sites=()).get(raw.url, HTML, 1000)
    assert (response.content, response.validators) == (b"hello", (kept, kept))
