from __future__ import annotations

import pytest
from flask.testing import FlaskClient

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
    for outside in ("http://", "https://", "//cdn", "@import", "url("):
        assert outside not in page.replace("http://www.w3.org", ""), outside
