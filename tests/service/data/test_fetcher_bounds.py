"""Fetching from servers that send slowly, endlessly or invalid content: time and size limits."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from service.data import fetcher as fetcher_module
from service.data.source import SourceError, Unreachable
from tests.service.data.test_fetcher import HTML, fetch
from tests.support.loopback import run_raw_server
from tests.support.sites import SiteResponse


class RawServer:
    """A server that sends bytes unchanged, including the head, until the client disconnects."""

    def __init__(self):
        self.parts: Iterator[bytes] = iter(())
        self.pause = 0.0
        self.sent = 0
        self.url = ""

    def talk(self, connection):
        connection.recv(65_536)
        with contextlib.suppress(OSError):
            for part in self.parts:
                connection.sendall(part)
                self.sent += len(part)
                time.sleep(self.pause)


@pytest.fixture
def raw():
    server = RawServer()
    with run_raw_server(server.talk) as port:
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


@pytest.mark.parametrize(("start", "part"), ENDLESS)
def test_slow_response_ends_at_the_deadline(slow, raw, start, part):
    raw.parts, raw.pause = itertools.chain([start], itertools.repeat(part)), 0.005
    with pytest.raises(Unreachable, match="no complete answer after 500 s"):
        replace(slow, sites=()).get(raw.url, HTML, 1_000_000)


@pytest.mark.parametrize(("start", "part"), [*ENDLESS, (b"HTTP/1.1 500 No\r\n\r\n", b" ")])
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


def test_slow_reason_of_an_error_is_left_out(slow, raw):
    raw.parts = itertools.chain([b"HTTP/1.1 500 No\r\n\r\n"], itertools.repeat(b" "))
    with pytest.raises(Unreachable, match="found 500 No$"):
        replace(slow, sites=()).get(raw.url, HTML, 1_000_000)


def test_deadline_covers_all_redirects(slow, sites, monkeypatch):
    monkeypatch.setattr(fetcher_module, "_MOST_REDIRECTS", 1000)
    sites.replies["/a"] = SiteResponse(status=302, headers={"Location": "/a"})
    with pytest.raises(Unreachable, match="no complete answer after 500 s"):
        fetch(slow, sites)
    assert sites.times("/a") < 50


def test_body_compressed_twice_is_rejected(fetcher, sites):
    packed = gzip.compress(gzip.compress(b"x" * 10_000_000))
    assert len(packed) < 1000
    sites.replies["/a"] = SiteResponse(packed, headers={"Content-Encoding": "gzip, gzip"})
    with pytest.raises(SourceError, match="expected a body compressed with gzip or uncompressed"):
        fetch(fetcher, sites)


def test_gzip_body_is_unpacked_and_must_be_whole(fetcher, sites):
    packed = gzip.compress(b"hello")
    sites.replies["/a"] = SiteResponse(packed, headers={"Content-Encoding": "gzip"})
    assert fetch(fetcher, sites) == b"hello"
    for broken in (packed[:-4], packed + b"x", b"not packed"):
        sites.replies["/a"] = SiteResponse(broken, headers={"Content-Encoding": "gzip"})
        with pytest.raises(SourceError, match="expected a whole gzip body"):
            fetch(fetcher, sites)


@pytest.mark.parametrize(
    "reason",
    [
        b'{"reason": "\\ud800\\u0000\\nsecond line"}',
        b"[" * 2000,
    ],
)
def test_any_reason_is_reported_in_one_printable_line(fetcher, sites, reason):
    sites.replies["/a"] = SiteResponse(reason, "application/json", 400)
    with pytest.raises(SourceError, match="found 400 Bad Request") as caught:
        fetch(fetcher, sites)
    assert str(caught.value).isprintable()
    assert str(caught.value).encode()


@pytest.mark.parametrize("validator", ["é", '"' + "x" * 10_000 + '"'])
def test_validator_that_cannot_be_sent_is_not_kept(fetcher, raw, validator):
    head = f"Content-Length: 5\r\nETag: {validator}\r\nLast-Modified: {validator}\r\n\r\n"
    raw.parts = iter([OK + head.encode() + b"hello"])
    response = replace(fetcher, sites=()).get(raw.url, HTML, 1000)
    assert (response.content, response.validators) == (b"hello", (None, None))


@pytest.mark.parametrize("target", ["http://a..b/", "file:///etc/passwd", "http://[", "\x7f"])
def test_redirect_to_invalid_address_is_rejected(fetcher, sites, target):
    sites.replies["/a"] = SiteResponse(status=302, headers={"Location": target})
    with pytest.raises(SourceError):
        fetch(replace(fetcher, sites=(), attempts=1), sites)
