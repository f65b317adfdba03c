from __future__ import annotations

import html
import logging
from pathlib import Path
from typing import Any

import pytest

from service.answers.wording import sentence
from service.app import create_app
from tests.service.support import ROUTE

FORECAST = "/v1/series/people/forecast"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def app(context, clock):
    return create_app(context, clock)


def check_problem(response, status, title):
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    body: dict[str, Any] = response.json
    assert (body["status"], body["title"], body["type"]) == (status, title, "about:blank")
    assert body["detail"]
    for secret in ("Traceback", "File ", "sqlite3", "SELECT", "site-packages"):
        assert secret not in response.text
    return body


def test_404_is_a_page_for_a_browser(shared):
    response = shared.get("/nope", headers=BROWSER)
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert "<title>Page not found – Channel crossings forecast</title>" in response.text
    assert "There is nothing at this address: check the spelling." in response.text
    assert 'href="/"' in response.text
    check_problem(shared.get("/v1/nope", headers=BROWSER), 404, "Not Found")


@pytest.mark.parametrize(
    "path",
    [
        *("/nothing", "/static/none.css", "/static/../app.py", "/static/%2e%2e/pages.py"),
        *("/docs/static/..%2fdocs.py", "//v1/status", "/v1//status", f"{FORECAST}/", "/%ff%fe"),
        "/v1/series/" + "a" * 3000 + "/forecast",
    ],
)
def test_unknown_and_malformed_paths_are_404(shared, path):
    check_problem(shared.get(path), 404, "Not Found")


def test_405_lists_the_methods(shared):
    response = shared.post(FORECAST, json={"horizon": 1})
    check_problem(response, 405, "Method Not Allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        (FORECAST, "image/png"),
        (FORECAST, "application/json;q=0, text/csv;q=0"),
        ("/v1/status", "text/csv"),
    ],
)
def test_406(shared, path, accept):
    body = check_problem(shared.get(path, headers={"Accept": accept}), 406, "Not Acceptable")
    assert "application/json" in body["detail"]


def test_413(shared):
    for method in ("get", "post"):
        response = getattr(shared, method)(FORECAST, data=b"x" * (64 * 1024 + 1))
        assert "65,536" in check_problem(response, 413, "Request Entity Too Large")["detail"]
    assert shared.get(FORECAST, data=b"x" * 1000).status_code == 200, "body of a GET is ignored"
    response = shared.post("/v1/series/people/scenarios", data=b"x" * 1000)
    check_problem(response, 415, "Unsupported Media Type")


def test_500_is_logged_and_reveals_nothing(app, caplog):
    app.add_url_rule("/broken", view_func=lambda: 1 / 0)
    with caplog.at_level(logging.ERROR):
        body = check_problem(app.test_client().get("/broken"), 500, "Internal Server Error")
    assert body["detail"] == "an unexpected error, which has been logged"
    assert "ZeroDivisionError" in caplog.text


def test_503_while_the_database_is_missing(context, clock, caplog):
    client = create_app(context, clock).test_client()
    context.database.close()
    folder = context.settings.var_dir
    folder.rename(folder.with_name("moved"))
    paths = (FORECAST, "/v1/series", "/v1/status", "/readyz", "/v1/series/people/totals", "/")
    for path in paths:
        caplog.clear()
        response = client.get(path)
        check_problem(response, 503, "Service Unavailable")
        assert response.headers["Retry-After"] == "10"
        assert "unable to open database file" in caplog.text, path
    assert client.get("/livez").status_code == 200
    folder.with_name("moved").rename(folder)
    assert [client.get(path).status_code for path in paths] == [200] * len(paths)


def test_503_when_the_database_is_damaged(context, clock):
    client = create_app(context, clock).test_client()
    context.database.close()
    file = Path(context.settings.var_dir) / "crossings.sqlite"
    for name in (file.name + "-wal", file.name + "-shm"):
        file.with_name(name).unlink(missing_ok=True)
    file.write_bytes(b"damage" * 5000)
    check_problem(client.get(FORECAST), 503, "Service Unavailable")


def test_503_before_the_first_issue(empty, clock):
    client = create_app(empty, clock).test_client()
    for path in (FORECAST, "/readyz", "/"):
        response = client.get(path)
        check_problem(response, 503, "Service Unavailable")
        assert response.headers["Retry-After"] == "10"
    response = client.get("/", headers=BROWSER)
    assert (response.status_code, response.mimetype) == (503, "text/html")
    assert "The first forecast is being made" in response.text
    assert client.get("/livez").status_code == 200
    body = client.get("/v1/status").json
    assert (body["status"], body["reasons"][0]["name"]) == ("degraded", "no_issue")
    assert client.get("/v1/series").json["rows"][0]["latest_issue"] is None


def test_error_page_agrees_with_problem_details(app):
    """Both have the same status, detail and headers."""
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
        assert "Accept" in page.vary and "Accept" in problem.vary


def test_500_page_for_a_browser_does_not_log_the_token(app, caplog):
    app.add_url_rule("/u/broken/<token>", "subscriptions.broken", lambda token: 1 / len(token[:0]))
    client = app.test_client()
    response = client.get("/u/broken/hush", headers=BROWSER)
    assert (response.status_code, response.mimetype) == (500, "text/html")
    assert "unexpected error" in response.text and "Retry-After" not in response.headers
    assert "X-Request-Id" in response.headers
    assert "/u/broken/<token>" in caplog.text and "hush" not in caplog.text


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"[]", "body: expected a JSON object"),
        (b"", "body: expected valid JSON, found '' (Expecting value"),
        (b'{"levels": [80], "levels": [50]}', "(a repeated key in an object)"),
        (b"[" * 30_000, "(maximum recursion depth"),
        (b"\xff\xfe", "body: expected valid JSON, found "),
    ],
)
def test_body_must_be_a_json_object(shared, body, detail):
    for path in ("/v1/series/people/scenarios", "/grafana/query"):
        response = shared.post(path, data=body, content_type="application/json")
        (error,) = check_problem(response, 400, "Bad Request")["errors"]
        assert error["name"] == "body"
        assert detail in error["detail"]


def test_errors_name_no_python_class(shared):
    for path, body in (
        ("/v1/series/people/scenarios", {"weather": []}),
        ("/grafana/query", {"range": [], "targets": []}),
        ("/grafana/query", {"range": {}, "targets": [1]}),
    ):
        problem = check_problem(shared.post(path, json=body), 400, "Bad Request")
        assert "instance" not in problem["detail"]
        assert "query" not in {error["name"] for error in problem["errors"]}


@pytest.mark.parametrize(
    ("body", "name", "detail"),
    [
        ({"levels": [80, 1]}, "levels.1", "expected 50, 80, 90, 95 or 99, found 1"),
        (
            {"weather": {"2026-13-01": "calm"}},
            "weather.2026-13-01.[key]",
            "expected a date such as 2024-10-18, found '2026-13-01'",
        ),
    ],
)
def test_invalid_part_of_a_body_is_shown(shared, body, name, detail):
    response = shared.post("/v1/series/people/scenarios", json=body)
    problem = check_problem(response, 400, "Bad Request")
    assert problem["errors"] == [{"name": name, "detail": detail}]
    assert problem["detail"] == f"{name}: {detail}"
