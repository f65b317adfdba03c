"""The fetcher, against a site that misbehaves in every way that we could think of."""

from __future__ import annotations

import datetime as dt
import gzip
import time
from dataclasses import replace
from email.utils import format_datetime

import pytest

from service.data.fetcher import Fetcher
from service.data.source import FetchError, NotReached, Rejected, Unfit
from tests.support.sites import Answer, Sites, dripping, endless, stalled, tagged

HTML = ("text/html",)


def get(fetcher: Fetcher, sites: Sites, path: str = "/a", **more: object) -> bytes:
    return fetcher.get(sites.url + path, HTML, 1000, **more).content  # type: ignore[arg-type]


def test_we_say_who_we_are(fetcher: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = Answer(b"hello")
    assert get(fetcher, sites) == b"hello"
    agent = sites.asked[0].headers["user-agent"]
    assert agent.startswith("channel-crossings-forecast/")
    assert agent.endswith(" (+https://example.org/contact)")
    assert "httpx" not in agent


def test_an_answer_that_did_not_change_is_not_sent_again(fetcher: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = tagged(Answer(b"hello"), '"v1"')
    first = fetcher.get(f"{sites.url}/a", HTML, 1000)
    assert (first.content, first.validators, first.is_unchanged) == (
        b"hello",
        ('"v1"', None),
        False,
    )
    validators = ('"v1"', "Wed, 31 Dec 2025")
    again = fetcher.get(f"{sites.url}/a", HTML, 1000, validators=validators)
    assert (again.content, again.is_unchanged) == (b"", True)
    assert sites.asked[1].headers["if-modified-since"] == "Wed, 31 Dec 2025"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_fault_is_asked_again(fetcher: Fetcher, sites: Sites, status: int) -> None:
    sites.replies["/a"] = [Answer(status=status), Answer(b"hello")]
    assert get(fetcher, sites) == b"hello"
    assert sites.times("/a") == 2


def test_a_lasting_fault_is_given_up(fetcher: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = Answer(status=500)
    with pytest.raises(Rejected, match="expected 200 OK, found 500 Internal Server Error"):
        get(fetcher, sites)
    assert sites.times("/a") == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_is_not_asked_again(fetcher: Fetcher, sites: Sites, status: int) -> None:
    sites.replies["/a"] = Answer(status=status)
    with pytest.raises(Rejected) as caught:
        get(fetcher, sites)
    assert caught.value.status == status
    assert sites.times("/a") == 1


def test_a_reason_is_passed_on(fetcher: Fetcher, sites: Sites) -> None:
    said = b'{"error":true,"reason":"Daily API request limit exceeded."}'
    sites.replies["/a"] = Answer(said, "application/json", 400)
    with pytest.raises(Rejected, match=r"400 Bad Request \(Daily API request limit exceeded.\)"):
        get(fetcher, sites)


def test_retry_after_is_honoured(fetcher: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = [Answer(status=429, headers={"Retry-After": "1"}), Answer(b"hello")]
    began = time.monotonic()
    assert get(fetcher, sites) == b"hello"
    assert time.monotonic() - began >= 1.0, "not before it was asked to"


def test_retry_after_may_be_a_date(fetcher: Fetcher, sites: Sites) -> None:
    soon = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(hours=2), usegmt=True)
    sites.replies["/a"] = Answer(status=503, headers={"Retry-After": soon})
    with pytest.raises(Rejected, match=r"503 .* which asks to wait 7\d\d\d s"):
        get(fetcher, sites)


@pytest.mark.parametrize(
    "wait",
    [
        "3600",
        "999999999999999999999",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ],
)
def test_a_wait_beyond_the_ceiling_is_given_up(fetcher: Fetcher, sites: Sites, wait: str) -> None:
    sites.replies["/a"] = Answer(status=429, headers={"Retry-After": wait})
    with pytest.raises(Rejected) as caught:
        get(fetcher, sites)
    assert caught.value.wait_seconds is not None and caught.value.wait_seconds >= 3600
    assert sites.times("/a") == 1


@pytest.mark.parametrize(
    "wait",
    [
        *("soon", "-5", "", "Wed, 99 Dec 2025", ", , , ,", "x" * 50_000),
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "Mon, 01 Jan 0001 00:00:00 -0000",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2025 00:00:00 +99999999999",
    ],
)
def test_a_wait_that_is_none_is_ours(fetcher: Fetcher, sites: Sites, wait: str) -> None:
    sites.replies["/a"] = [Answer(status=429, headers={"Retry-After": wait}), Answer(b"hello")]
    assert get(fetcher, sites) == b"hello"


def test_a_stalled_body_is_given_up(hurried: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = Answer(behave=stalled)
    with pytest.raises(NotReached, match="asked up to 3 times"):
        get(hurried, sites)
    assert sites.times("/a") == 3


def test_a_dripping_body_is_given_up(hurried: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = Answer(behave=dripping)
    with pytest.raises(NotReached, match=r"no end after 0\.5 s"):
        get(replace(hurried, attempts=2), sites)


def test_a_cut_body_is_asked_again_and_given_up(fetcher: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = [Answer(b"hel", length=5), Answer(b"hello")]
    assert get(fetcher, sites) == b"hello"
    sites.replies["/a"] = Answer(b"hel", length=5)
    with pytest.raises(NotReached, match="without sending complete message body"):
        get(fetcher, sites)


def test_a_redirect_is_followed(fetcher: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = Answer(status=302, headers={"Location": "/b"})
    sites.replies["/b"] = Answer(b"hello")
    assert get(fetcher, sites) == b"hello"


def test_a_redirect_loop_is_refused(fetcher: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = Answer(status=302, headers={"Location": "/a"})
    with pytest.raises(Unfit, match="expected an answer, found more than 5 redirects"):
        get(fetcher, sites)
    assert sites.times("/a") == 6


@pytest.mark.parametrize("target", ["http://127.0.0.2:1/x", "http://localhost:9/x"])
def test_a_redirect_elsewhere_is_refused(fetcher: Fetcher, sites: Sites, target: str) -> None:
    sites.replies["/a"] = Answer(status=302, headers={"Location": target})
    with pytest.raises(Unfit, match="expected a host of"):
        get(fetcher, sites)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://[", "\x7f"])
def test_a_redirect_to_no_address_is_refused(fetcher: Fetcher, sites: Sites, target: str) -> None:
    sites.replies["/a"] = Answer(status=302, headers={"Location": target})
    with pytest.raises(FetchError):
        get(fetcher, sites)


def test_what_has_no_end_is_not_read(fetcher: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = Answer(behave=endless, length=2_000_000_000)
    sites.replies["/b"] = Answer(behave=endless)
    for path in ("/a", "/b"):
        with pytest.raises(Unfit, match="expected at most 1,000 bytes, found more"):
            get(fetcher, sites, path)


def test_a_body_that_unpacks_beyond_the_bound_is_refused(fetcher: Fetcher, sites: Sites) -> None:
    packed = gzip.compress(b"x" * 100_000)
    assert len(packed) < 1000
    sites.replies["/a"] = Answer(packed, headers={"Content-Encoding": "gzip"})
    with pytest.raises(Unfit, match="found more"):
        get(fetcher, sites)


def test_a_body_that_does_not_unpack_is_refused(fetcher: Fetcher, sites: Sites) -> None:
    sites.replies["/a"] = Answer(b"not packed", headers={"Content-Encoding": "gzip"})
    with pytest.raises(NotReached):
        get(fetcher, sites)


@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=utf-8", ""])
def test_the_wrong_kind_is_refused(fetcher: Fetcher, sites: Sites, kind: str) -> None:
    sites.replies["/a"] = Answer(b"hello", kind)
    with pytest.raises(Unfit, match="expected content of type text/html, found"):
        get(fetcher, sites)


def test_nobody_there(fetcher: Fetcher) -> None:
    with pytest.raises(NotReached, match="asked up to 3 times"):
        replace(fetcher, hosts=frozenset()).get("http://127.0.0.1:9/a", HTML, 1000)


@pytest.mark.parametrize(
    "url",
    [
        *("", "nowhere", "http://", "http://[", "gopher://127.0.0.1/"),
        *("http://127.0.0.1/\ud800", "http://\ud800/", "http://a..b/"),
        f"http://{'x' * 64}.example/",
    ],
)
def test_what_is_no_address_is_refused(fetcher: Fetcher, url: str) -> None:
    with pytest.raises(FetchError) as caught:
        replace(fetcher, attempts=1, hosts=frozenset()).get(url, HTML, 1000)
    assert str(caught.value).isprintable()


def test_a_key_is_never_shown(fetcher: Fetcher, sites: Sites) -> None:
    for answer in (Answer(status=404), Answer(b"x", "text/plain"), Answer(b"hel", length=5)):
        sites.replies["/a"] = answer
        with pytest.raises(FetchError) as caught:
            get(fetcher, sites, "/a?apikey=geheim", params={"apikey": "geheim"})
        assert "geheim" not in str(caught.value) + repr(caught.value)
    assert sites.asked[0].query["apikey"] == ["geheim"]
