from __future__ import annotations

import html
import logging
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient

from service.answers.wording import sentence
from service.api.errors import Problem
from service.app import create_app
from service.core.context import Context
from tests.service.support import ROUTE, Hand

FORECAST = "/v1/series/people/forecast"


def check(answer: Any, status: int, title: str) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    body: dict[str, Any] = answer.json
    assert (body["status"], body["title"], body["type"]) == (status, title, "about:blank")
    assert body["detail"]
    for secret in ("Traceback", "File ", "sqlite3", "SELECT", "site-packages"):
        assert secret not in answer.text
    return body


@pytest.mark.parametrize("path", ["/nothing", "/v1", f"{FORECAST}/", "/static/none.css", "/v1//"])
def test_404(shared: FlaskClient, path: str) -> None:
    assert check(shared.get(path), 404, "Not Found")["instance"] == path


@pytest.mark.parametrize("path", ["/nope", "/plan/", "/records"])
def test_a_mistyped_page_is_a_page_for_a_browser(shared: FlaskClient, path: str) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answer = shared.get(path, headers=browser)
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"
    assert "<title>Page not found – Channel crossings forecast</title>" in answer.text
    assert "There is nothing at this address: check the spelling." in answer.text
    assert 'href="/"' in answer.text
    check(shared.get(path), 404, "Not Found")
    check(shared.get(f"/v1{path}", headers=browser), 404, "Not Found")


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/pages.py", "/static//etc"])
def test_no_file_outside_the_page_is_served(shared: FlaskClient, path: str) -> None:
    check(shared.get(path), 404, "Not Found")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_405(shared: FlaskClient, method: str) -> None:
    answer = getattr(shared, method)(FORECAST, json={"horizon": 1})
    check(answer, 405, "Method Not Allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        (FORECAST, "image/png"),
        (FORECAST, "application/json;q=0, text/csv;q=0"),
        ("/v1/status", "text/csv"),
        ("/v1/series/people/briefing", "text/csv"),
        ("/readyz", "text/html"),
    ],
)
def test_406(shared: FlaskClient, path: str, accept: str) -> None:
    body = check(shared.get(path, headers={"Accept": accept}), 406, "Not Acceptable")
    assert "application/json" in body["detail"]


def test_413(shared: FlaskClient) -> None:
    for method in ("get", "post"):
        answer = getattr(shared, method)(FORECAST, data=b"x" * (64 * 1024 + 1))
        assert "65,536" in check(answer, 413, "Request Entity Too Large")["detail"]
    assert shared.get(FORECAST, data=b"x" * 1000).status_code == 200, "nobody reads it"
    answer = shared.post("/v1/series/people/scenarios", data=b"x" * 1000)
    check(answer, 415, "Unsupported Media Type")


def test_500_is_logged_and_tells_nothing(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    app.add_url_rule("/broken", view_func=lambda: 1 / 0)
    with caplog.at_level(logging.ERROR):
        body = check(app.test_client().get("/broken"), 500, "Internal Server Error")
    assert body["detail"] == "an unexpected error, which has been logged"
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("status", [401, 403, 404, 405, 413, 422, 429, 500, 503])
def test_every_error_of_the_framework_is_a_problem(app: Flask, status: int) -> None:
    app.add_url_rule("/aborted", view_func=lambda: abort(status))
    answer = app.test_client().get("/aborted")
    assert answer.status_code == answer.json["status"] == status
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    "path", [FORECAST, "/v1/series", "/v1/status", "/readyz", "/v1/series/people/totals", "/"]
)
def test_503_when_the_database_is_gone(
    context: Context, clock: Hand, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = create_app(context, clock).test_client()
    context.database.close()
    folder = context.settings.var_dir
    folder.rename(folder.with_name("moved"))
    with caplog.at_level(logging.ERROR):
        answer = client.get(path)
    check(answer, 503, "Service Unavailable")
    assert answer.headers["Retry-After"] == "10"
    assert "unable to open database file" in caplog.text
    assert client.get("/livez").status_code == 200
    folder.with_name("moved").rename(folder)
    assert client.get(path).status_code == 200


def test_503_when_the_database_is_damaged(context: Context, clock: Hand) -> None:
    client = create_app(context, clock).test_client()
    context.database.close()
    file = Path(context.settings.var_dir) / "crossings.sqlite"
    for name in (file.name + "-wal", file.name + "-shm"):
        file.with_name(name).unlink(missing_ok=True)
    file.write_bytes(b"damage" * 5000)
    check(client.get(FORECAST), 503, "Service Unavailable")


@pytest.mark.parametrize("path", [FORECAST, "/v1/series/boats/totals", "/readyz"])
def test_503_before_anything_is_published(empty: Context, clock: Hand, path: str) -> None:
    answer = create_app(empty, clock).test_client().get(path)
    check(answer, 503, "Service Unavailable")
    assert answer.headers["Retry-After"] == "10"


BROWSER = {"Accept": "text/html,*/*;q=0.8"}


def test_what_fails_is_the_same_problem_as_page_and_as_json(app: Flask) -> None:
    """The browser's page and the program's problem details have one status, detail and headers."""
    client = app.test_client()
    for path in ("/?on=yesterday", "/?series=cats", "/record?window=7", "/static/none.css"):
        page, problem = client.get(path, headers=BROWSER), client.get(path)
        assert page.mimetype == "text/html"
        assert page.status_code == problem.status_code == problem.json["status"]
        missing = problem.status_code == 404
        assert ("<h1>Page not found</h1>" in page.text) == missing
        assert ("<h1>There is a problem with this request</h1>" in page.text) != missing
        assert sentence(problem.json["detail"], ROUTE.zone) in html.unescape(page.text)
        assert page.headers["Cache-Control"] == problem.headers["Cache-Control"] == "no-store"
        assert "Accept" in page.headers["Vary"] and "Accept" in problem.headers["Vary"]


def test_500_is_a_page_for_a_browser_and_its_path_is_not_logged(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    app.add_url_rule("/u/broken/<token>", "subscriptions.broken", lambda token: 1 / len(token[:0]))
    client = app.test_client()
    answer = client.get("/u/broken/hush", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "unexpected error" in answer.text and "Retry-After" not in answer.headers
    assert "/u/broken/<token>" in caplog.text and "hush" not in caplog.text


def test_before_anything_is_published_a_browser_gets_a_page_that_says_so(
    empty: Context, clock: Hand
) -> None:
    client = create_app(empty, clock).test_client()
    answer = client.get("/", headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (503, "text/html")
    assert "The first forecast is being made" in answer.text
    assert answer.headers["Retry-After"] == "10"
    check(client.get("/"), 503, "Service Unavailable")


@pytest.fixture
def app(context: Context, clock: Hand) -> Flask:
    return create_app(context, clock)


@pytest.mark.parametrize("path", ["/v1/series/people/scenarios", "/grafana/query"])
@pytest.mark.parametrize("body", ["[]", '"x"', "7", "null", "true"])
def test_a_body_that_is_no_object_is_blamed_on_the_body(
    shared: FlaskClient, path: str, body: str
) -> None:
    answer = shared.post(path, data=body, content_type="application/json")
    found = check(answer, 400, "Bad Request")["errors"]
    assert found == [{"name": "body", "detail": "expected a JSON object"}]
    empty = shared.post(path, data=b"", content_type="application/json")
    assert check(empty, 400, "Bad Request")["errors"][0]["name"] == "body"


def test_no_error_names_a_class(shared: FlaskClient) -> None:
    for path, body in (
        ("/v1/series/people/scenarios", {"weather": []}),
        ("/grafana/query", {"range": [], "targets": []}),
        ("/grafana/query", {"range": {}, "targets": [1]}),
    ):
        found = check(shared.post(path, json=body), 400, "Bad Request")
        assert "instance" not in found["detail"] and "query" not in {
            one["name"] for one in found["errors"]
        }, found


def test_a_problem_in_a_log_is_its_detail() -> None:
    assert str(Problem(400, "expected a day", [{"name": "from", "detail": "expected a day"}])) == (
        "expected a day"
    )
