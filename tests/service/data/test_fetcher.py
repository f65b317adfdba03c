"""Fetching documents: retries, redirects, limits and errors."""

from __future__ import annotations

import datetime as dt
import gzip
import time
from dataclasses import replace
from email.utils import format_datetime

import pytest

from service.data.fetcher import Fetcher
from service.data.source import SourceError, Unreachable
from tests.support.sites import SiteResponse, Sites, stalled, with_etag

HTML = ("text/html",)


def fetch(fetcher: Fetcher, sites: Sites, path: str = "/a", **more: object) -> bytes:
    return fetcher.get(sites.url + path, HTML, 1000, **more).content  # type: ignore[arg-type]


def test_user_agent_has_name_and_contact(fetcher: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = SiteResponse(b"hello")
    assert fetch(fetcher, sites) == b"hello"
    agent = sites.requests[0].headers["user-agent"]
    assert agent.startswith("channel-crossings-forecast/")
    assert agent.endswith(" (+https://example.org/contact)")
    assert "httpx" not in agent


def test_validators_are_sent_and_304_is_unchanged(fetcher: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = with_etag(SiteResponse(b"hello"), '"v1"')
    first = fetcher.get(f"{sites.url}/a", HTML, 1000)
    assert (first.content, first.is_unchanged) == (b"hello", False)
    assert first.validators == ('"v1"', None)
    validators = ('"v1"', "Wed, 31 Dec 2025")
    second = fetcher.get(f"{sites.url}/a", HTML, 1000, validators=validators)
    assert (second.content, second.is_unchanged) == (b"", True)
    assert sites.requests[1].headers["if-modified-since"] == "Wed, 31 Dec 2025"


@pytest.mark.parametrize("status", [429, 500])
def test_temporary_error_is_retried(fetcher: Fetcher, sites: Sites, status: int) -> None:
    sites.replies["/a"] = [SiteResponse(status=status), SiteResponse(b"hello")]
    assert fetch(fetcher, sites) == b"hello"
    assert sites.times("/a") == 2


def test_lasting_error_is_raised_after_all_attempts(fetcher: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = SiteResponse(status=500)
    with pytest.raises(Unreachable, match="expected 200 OK, found 500 Internal Server Error"):
        fetch(fetcher, sites)
    assert sites.times("/a") == 3


@pytest.mark.parametrize("status", [400, 404])
def test_client_error_is_not_retried(fetcher: Fetcher, sites: Sites, status: int) -> None:
    sites.replies["/a"] = SiteResponse(status=status)
    with pytest.raises(SourceError, match=f"found {status} ") as caught:
        fetch(fetcher, sites)
    assert not isinstance(caught.value, Unreachable)
    assert sites.times("/a") == 1


def test_reason_in_error_body_is_reported(fetcher: Fetcher, sites: Sites) -> None:
    body = b'{"error":true,"reason":"Daily API request limit exceeded."}'
    sites.replies["/a"] = SiteResponse(body, "application/json", 400)
    with pytest.raises(SourceError, match=r"400 Bad Request \(Daily API request limit exceeded.\)"):
        fetch(fetcher, sites)


def test_retry_after_is_honoured(fetcher: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = [
        SiteResponse(status=429, headers={"Retry-After": "1"}),
        SiteResponse(b"hello"),
    ]
    began = time.monotonic()
    assert fetch(fetcher, sites) == b"hello"
    assert time.monotonic() - began >= 1.0


def test_retry_after_may_be_a_date(fetcher: Fetcher, sites: Sites) -> None:
    date = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(hours=2), usegmt=True)
    sites.replies["/a"] = SiteResponse(status=503, headers={"Retry-After": date})
    with pytest.raises(Unreachable, match=r"503 .* which asks to wait 7\d\d\d s"):
        fetch(fetcher, sites)


@pytest.mark.parametrize(
    "wait",
    [
        "3600",
        "999999999999999999999",
        "Fri, 31 Dec 9999 23:59:59 -2359",
    ],
)
def test_too_long_retry_after_is_not_awaited(fetcher: Fetcher, sites: Sites, wait: str) -> None:
    sites.replies["/a"] = SiteResponse(status=429, headers={"Retry-After": wait})
    with pytest.raises(Unreachable, match=r"429 .* which asks to wait (?:3600|\d{9,}) s"):
        fetch(fetcher, sites)
    assert sites.times("/a") == 1


@pytest.mark.parametrize(
    "wait",
    [
        *("soon", "-5", "", "Wed, 99 Dec 2025", "x" * 50_000, "²"),
        "Mon, 01 Jan 0001 00:00:00 +2359",
    ],
)
def test_invalid_retry_after_is_ignored(fetcher: Fetcher, sites: Sites, wait: str) -> None:
    sites.replies["/a"] = [
        SiteResponse(status=429, headers={"Retry-After": wait}),
        SiteResponse(b"hello"),
    ]
    assert fetch(fetcher, sites) == b"hello"


def test_stalled_body_is_retried_then_not_reached(fetcher: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = SiteResponse(behave=stalled)
    with pytest.raises(Unreachable, match="after up to 3 attempts"):
        fetch(replace(fetcher, read_seconds=0.3), sites)
    assert sites.times("/a") == 3


def test_redirect_loop_is_rejected(fetcher: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = SiteResponse(status=302, headers={"Location": "/a"})
    with pytest.raises(SourceError, match="expected an answer, found more than 5 redirects"):
        fetch(fetcher, sites)
    assert sites.times("/a") == 6


@pytest.mark.parametrize("allowed", ["the site", ""])
@pytest.mark.parametrize("target", ["http://127.0.0.2:1/x", "https://{}/a"])
def test_redirect_to_another_host_or_scheme_is_rejected(
    fetcher: Fetcher, sites: Sites, target: str, allowed: str
) -> None:
    target = target.format(sites.host)
    sites.replies["/a"] = SiteResponse(status=302, headers={"Location": target})
    with pytest.raises(SourceError, match=f"{target[:-2]}/.: expected one of the sites"):
        fetch(replace(fetcher, sites=fetcher.sites if allowed else ()), sites)


def test_body_too_large_when_unpacked_is_rejected(fetcher: Fetcher, sites: Sites) -> None:
    packed = gzip.compress(b"x" * 100_000)
    assert len(packed) < 1000
    sites.replies["/a"] = SiteResponse(packed, headers={"Content-Encoding": "gzip"})
    with pytest.raises(SourceError, match="found over 1,000 bytes when unpacked"):
        fetch(fetcher, sites)


@pytest.mark.parametrize(
    "url",
    [
        *("nowhere", "gopher://127.0.0.1/", "http://127.0.0.1/\ud800", "http://a..b/"),
    ],
)
def test_invalid_address_is_rejected(fetcher: Fetcher, url: str) -> None:
    with pytest.raises(SourceError) as caught:
        replace(fetcher, attempts=1, sites=()).get(url, HTML, 1000)
    assert str(caught.value).isprintable()


def test_api_key_and_password_are_not_in_errors(fetcher: Fetcher, sites: Sites) -> None:
    for response in (
        SiteResponse(status=404),
        SiteResponse(b"x", "text/plain"),
        SiteResponse(b"hel", length=5),
    ):
        sites.replies["/a"] = response
        with pytest.raises(SourceError) as caught:
            fetch(fetcher, sites, "/a?apikey=geheim", params={"apikey": "geheim"})
        assert "geheim" not in str(caught.value) + repr(caught.value)
        assert str(caught.value).startswith(f"{sites.url}/a: ")
        with pytest.raises(SourceError) as caught:
            fetcher.get(sites.url.replace("//", "//me:geheim@") + "/a", ("text/html",), 100)
        assert str(caught.value).startswith(f"{sites.url}/a: ")
    assert sites.requests[0].query["apikey"] == ["geheim"]
