from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.core.context import Context, open_context
from tests.service.mailbox import free_port, furnish, mail_settings
from tests.service.support import Hand

PATHS = ["/", "/docs", "/v1/status", "/v1/series/people/forecast", "/livez", "/v1/nothing"]
ORIGIN = "https://planning.example"


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_the_headers_of_safety(shared: FlaskClient, path: str) -> None:
    headers = shared.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in headers
    assert len(headers.getlist("Content-Security-Policy")) == 1


@pytest.mark.parametrize("path", PATHS[:-1])
def test_head_is_get_without_its_body(shared: FlaskClient, path: str) -> None:
    get, head = shared.get(path), shared.head(path)
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
    shared: FlaskClient, path: str, allowed: set[str]
) -> None:
    options = shared.options(path)
    assert (options.status_code, options.data) == (204, b"")
    assert set(options.headers["Allow"].split(", ")) == allowed
    wrong = shared.delete(path)
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
    rows = shared.get("/v1/series/people/forecast?format=csv", headers={"Origin": ORIGIN}).headers
    shown = set(rows["Access-Control-Expose-Headers"].split(", "))
    assert {name for name in rows.keys() if name.startswith("X-Crossings-")} <= shown
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    before = shared.options("/v1/status", headers=asked)
    assert "Authorization" in before.headers["Access-Control-Allow-Headers"]
    for origin in ("https://evil.example", f"{ORIGIN}.evil.example", "null"):
        other = shared.get("/v1/status", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in other.headers


@pytest.fixture
def either(database_url: str, tmp_path: Path, clock: Hand) -> Iterator[FlaskClient]:
    """The service over a furnished database of each kind."""
    opened = open_context(mail_settings(tmp_path, free_port(), database_url=database_url))
    furnish(opened)
    yield create_app(opened, clock).test_client()
    opened.database.close()


V1 = "/v1/series/people"
NAMES = ("issue", "model", "as_of", "from", "levels", "horizon", "format", "nothing")


def test_control_characters_are_refused_wherever_they_stand(either: FlaskClient) -> None:
    for text in ("%00", "a%00b", "%01", "%0A", "%7F", "%C2%85"):
        asked = [
            *(f"{V1}/forecast?{name}={text}" for name in NAMES),
            *(f"{V1}/{path}={text}" for path in ("changes?since", "issues?after")),
            *(f"{V1}/track-record?kind={text}", f"{V1}/forecast?{text}=1", f"{V1}/issues/{text}"),
            *(f"/v1/series/{text}/forecast", f"/?issue={text}", f"/?series={text}", f"/?on={text}"),
            *(f"/record?window={text}", f"/plan?share={text}", f"/plan/plan.csv?share={text}"),
            *(f"/u/{text}", f"/subscribe/confirm/{text}", f"/static/{text}"),
            *(f"/nothing/{text}", f"/livez?{text}"),
        ]
        for path in asked:
            answer = either.get(path)
            assert (answer.status_code, "control character" in answer.text) == (400, True), path
        for path in (f"/u/{text}", f"/subscribe/confirm/{text}", f"/v1/jobs/{text}"):
            assert either.post(path).status_code == 400, path


def test_control_characters_are_refused_in_bodies(either: FlaskClient) -> None:
    for text in ("\x00", "a\x00b", "\n", "\x7f", "\ud800"):
        bodies = [
            {"issue": text},
            {"model": text},
            {"weather": {text: "calm"}},
            {text: 1},
            {"levels": [[text]]},
        ]
        for body in bodies:
            answer = either.post(f"{V1}/scenarios", json=body)
            assert (answer.status_code, "control character" in answer.text) == (400, True), body
        days = {"from": "2025-01-01T00:00:00Z", "to": "2025-02-01T00:00:00Z"}
        asked = {"range": days, "targets": [{"target": text}]}
        assert "control character" in either.post("/grafana/query", json=asked).text
        if text.isascii():
            for form in ({"address": f"a{text}@example.org"}, {"threshold": text}, {text: "1"}):
                assert either.post("/subscribe", data=form).status_code == 400, form


def test_text_of_any_language_is_no_control_character(shared: FlaskClient) -> None:
    assert shared.get(f"{V1}/forecast?model=\u00e9\U0001f6a4").status_code == 404
    assert shared.post(f"{V1}/scenarios", json={"model": "\U0001f6a4"}).status_code == 404
