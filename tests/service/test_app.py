from __future__ import annotations

import gzip
import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

EVERYWHERE = ["/", "/v1/status", "/nothing", "/openapi.json", "/static/page.css", "/livez?x=1"]


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_answer_has_the_headers_of_caution(client: FlaskClient, path: str) -> None:
    with client.get(path) as answer:  # a file is open until then
        headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "Set-Cookie" not in headers


def test_a_parameter_given_twice_is_refused_everywhere(client: FlaskClient) -> None:
    for path in ("/", "/v1/status", "/v1/series/people/forecast"):
        answer = client.get(f"{path}?series=people&series=boats")
        assert answer.status_code == 400
        assert answer.json["errors"][0]["name"] == "series"


def test_nothing_is_asked_of_another_host(client: FlaskClient) -> None:
    with client.get("/static/page.css") as style:
        page = client.get("/").text + style.text
    page = page.replace("http://127.0.0.1:8000", "")  # its own, as a citation names it
    for outside in ("http://", "https://", "//cdn", "@import", "url("):
        assert outside not in page.replace("http://www.w3.org", ""), outside


def test_answers_are_compressed_under_a_tag_of_their_own(client: FlaskClient) -> None:
    path = "/v1/series/people/forecast"
    plain = client.get(path)
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert {"Accept", "Accept-Encoding"} <= {*packed.headers["Vary"].split(", ")}
    for coding, held, status in (
        ("gzip", packed, 304),
        ("gzip", plain, 304),
        ("identity", plain, 304),
        ("identity", packed, 200),
    ):
        headers = {"Accept-Encoding": coding, "If-None-Match": held.headers["ETag"]}
        assert client.get(path, headers=headers).status_code == status


def test_what_is_short_is_sent_as_it_is(client: FlaskClient) -> None:
    answer = client.get("/livez", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers


FORECAST = "/v1/series/people/forecast"
TAGGED = [
    FORECAST,
    f"{FORECAST}?format=csv",
    "/v1/status",
    "/",
    "/plan/plan.csv",
    "/static/page.css",
]


@pytest.mark.parametrize("coding", ["identity", "gzip", "br", "zstd"])
@pytest.mark.parametrize("path", TAGGED)
def test_head_and_304_say_what_get_says(client: FlaskClient, path: str, coding: str) -> None:
    def headers(answer: TestResponse) -> dict[str, str]:
        answer.close()  # a file is open until then
        return {k: v for k, v in answer.headers.items() if k not in ("Date", "X-Request-Id")}

    asked = {"Accept-Encoding": coding}
    got = headers(client.get(path, headers=asked))
    assert headers(client.head(path, headers=asked)) == got
    asked["If-None-Match"] = got["ETag"]
    for method in ("GET", "HEAD"):
        answer = client.open(path, method=method, headers=asked)
        assert answer.status_code == 304
        of_content = {"Content-Type", "Content-Length", "Content-Encoding", "Last-Modified"}
        assert headers(answer) == {k: v for k, v in got.items() if k not in of_content}


def test_no_address_redirects(client: FlaskClient) -> None:
    """Behind a proxy a redirect would name the inner host."""
    rules = client.application.url_map.iter_rules()
    paths = {re.sub("<.*?>", "1", rule.rule).rstrip("/") for rule in rules} - {""}
    for path in sorted(path + end for path in paths for end in ("", "/", "//")):
        for method in ("GET", "HEAD", "POST"):
            with client.open(path, method=method) as answer:
                assert not 300 <= answer.status_code < 400, (method, path)
