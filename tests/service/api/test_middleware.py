from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.api.middleware import deprecated
from service.app import create_app
from service.core.context import Context
from tests.service.support import Hand

PATHS = ["/", "/docs", "/v1/status", "/v1/series/people/forecast", "/livez", "/v1/nothing"]
ORIGIN = "https://planning.example"


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_the_headers_of_safety(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in headers
    assert len(headers.getlist("Content-Security-Policy")) == 1


@pytest.mark.parametrize("path", PATHS[:-1])
def test_head_is_get_without_its_body(client: FlaskClient, path: str) -> None:
    get, head = client.get(path), client.head(path)
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]
    assert head.headers.get("ETag") == get.headers.get("ETag")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/series/people/forecast", {"GET", "HEAD", "OPTIONS"}),
        ("/v1/series/people/scenarios", {"POST", "OPTIONS"}),
        ("/v1/jobs/refit", {"POST", "OPTIONS"}),
    ],
)
def test_options_and_405_name_the_methods(
    client: FlaskClient, path: str, allowed: set[str]
) -> None:
    options = client.options(path)
    assert (options.status_code, options.data) == (204, b"")
    assert set(options.headers["Allow"].split(", ")) == allowed
    wrong = client.delete(path)
    assert wrong.status_code in (401, 405)
    if wrong.status_code == 405:
        assert set(wrong.headers["Allow"].split(", ")) == allowed


def test_pages_of_a_set_origin_may_read(context: Context, clock: Hand) -> None:
    settings = context.settings.model_copy(update={"cors_origins": f"{ORIGIN}, https://b.example"})
    shared = create_app(dataclasses.replace(context, settings=settings), clock).test_client()
    answer = shared.get("/v1/status", headers={"Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    before = shared.options("/v1/status", headers=asked)
    assert "Authorization" in before.headers["Access-Control-Allow-Headers"]
    for origin in ("https://evil.example", f"{ORIGIN}.evil.example", "null"):
        other = shared.get("/v1/status", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in other.headers


def test_what_is_deprecated_says_since_when_and_what_follows() -> None:
    app = Flask("old")

    @app.get("/old")
    @deprecated(dt.date(2026, 1, 1), dt.date(2027, 1, 1), "/new")
    def old() -> str:
        return "as ever"

    answer = app.test_client().get("/old")
    assert answer.text == "as ever"
    assert answer.headers["Deprecation"] == "@1767225600"
    assert answer.headers["Sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
    assert answer.headers["Link"] == '</new>; rel="successor-version"'
