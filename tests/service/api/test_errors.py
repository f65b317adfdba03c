import html
import json
from pathlib import Path

import pytest

from service.answers.wording import sentence
from service.app import create_app
from tests.service.support import ROUTE

FORECAST = "/v1/series/people/forecast"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def check_problem(response, status, title):
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    body = response.json
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


def test_500_is_logged_without_the_token_and_reveals_nothing(client, caplog):
    rule, endpoint = "/u/broken/<token>", "subscriptions.broken"
    client.application.add_url_rule(rule, endpoint, lambda token: 1 / len(token[:0]))
    problem = check_problem(client.get("/u/broken/hush"), 500, "Internal Server Error")
    assert problem["detail"] == "an unexpected error, which has been logged"
    page = client.get("/u/broken/hush", headers=BROWSER)
    assert (page.status_code, page.mimetype) == (500, "text/html")
    assert "unexpected error" in page.text and "Retry-After" not in page.headers
    assert "X-Request-Id" in page.headers
    assert caplog.text.count("unexpected error at /u/broken") == 2
    assert "ZeroDivisionError" in caplog.text
    assert rule in caplog.text and "hush" not in caplog.text


def test_503_while_the_database_is_missing(client, context, caplog):
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


def test_503_when_the_database_is_damaged(client, context):
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


def test_error_page_agrees_with_problem_details(shared):
    """Both have the same status, detail and headers."""
    for path in ("/?on=yesterday", "/?series=cats", "/record?window=7", "/static/none.css"):
        page, problem = shared.get(path, headers=BROWSER), shared.get(path)
        assert page.mimetype == "text/html"
        assert page.status_code == problem.status_code == problem.json["status"]
        missing = problem.status_code == 404
        assert ("<h1>Page not found</h1>" in page.text) == missing
        assert ("<h1>There is a problem with this request</h1>" in page.text) != missing
        assert sentence(problem.json["detail"], ROUTE.zone) in html.unescape(page.text)
        assert page.headers["Cache-Control"] == problem.headers["Cache-Control"] == "no-store"
        assert "Accept" in page.vary and "Accept" in problem.vary


def simpod(first="2026-01-01T00:00Z", last="2026-01-02T00:00Z", targets=()):
    return {"range": {"from": first, "to": last}, "targets": [{"target": one} for one in targets]}


NO_OBJECT = [
    # body, invalid parts, what the first must say
    (b"[]", "body", "body: expected a JSON object"),
    (b"", "body", "body: expected valid JSON, found '' (Expecting value"),
    (b'{"levels": [80], "levels": [50]}', "body", "(a repeated key in an object)"),
    (b"[" * 30_000, "body", "(maximum recursion depth"),
    (b"\xff\xfe", "body", "body: expected valid JSON, found "),
]
DAY = "expected a date such as 2024-10-18, found"
BODIES = {
    "/v1/series/people/scenarios": [
        *NO_OBJECT,
        (b'{"level_percent": NaN}', "level_percent", "a finite number, found nan"),
        ({}, "level_percent", "something that is assumed, found nothing"),
        ({"level_percent": 401}, "level_percent", "expected at most 400, found 401"),
        ({"level_percent": "20"}, "level_percent", "expected a number, found '20'"),
        ({"level_percnt": 1}, "level_percnt", "only level_percent, people_per_boat, weather,"),
        ({"people_per_boat": 0}, "people_per_boat", "expected at least 1, found 0"),
        ({"weather": []}, "weather", "expected named values, found []"),
        ({"weather": {"2026-13-01": "calm"}}, "weather.2026-13-01.[key]", f"{DAY} '2026-13-01'"),
        ({"weather": {"1767312000": "calm"}}, "weather.1767312000.[key]", f"{DAY} '1767312000'"),
        ({"from": 1767312000}, "from", f"{DAY} '1767312000'"),
        ({"level_percent": 1, "horizon": 401}, "horizon", "a whole number from 1 to 400"),
        ({"horizon": "7"}, "horizon", "expected a whole number, found '7'"),
        ({"levels": []}, "levels", "expected some levels, each once, found []"),
        ({"levels": [80, 80]}, "levels", "expected some levels, each once, found [80, 80]"),
        ({"levels": [80, 1]}, "levels.1", "expected 50, 80, 90, 95 or 99, found 1"),
    ],
    "/v1/series/people/scenarios?horizon=7": [({}, "horizon", "expected no query parameters")],
    "/grafana/query": [
        *NO_OBJECT,
        ({}, "range targets", "expected a value, found none"),
        ({"range": [], "targets": []}, "range", "expected named values, found []"),
        ({"range": {}, "targets": [1]}, "range.from range.to targets.0", "a value, found none"),
        (simpod(targets=["people.secret"]), "target", "expected one of people.actual,"),
        (simpod(targets=["people.median"] * 101), "targets", "expected at most 100 items"),
        (simpod("now", "now"), "range.from range.to", "expected a valid datetime"),
        (simpod("2026-01-03T00:00Z"), "range.to", "a moment from 2026-01-03T00:00:00+00:00 on"),
        (simpod("0001-01-01T00:00Z"), "range.from", "expected more than 1900-01-01T00:00:00Z"),
        (simpod(last="9999-12-31T23:59-05:00"), "range.to", "less than 9000-01-01T00:00:00Z"),
    ],
}


@pytest.mark.parametrize("path", BODIES)
def test_invalid_body_names_what_is_expected(shared, path):
    for body, names, detail in BODIES[path]:
        data = body if isinstance(body, bytes) else json.dumps(body)
        response = shared.post(path, data=data, content_type="application/json")
        problem = check_problem(response, 400, "Bad Request")
        assert [error["name"] for error in problem["errors"]] == names.split(), body
        assert detail in problem["errors"][0]["detail"], body
        assert detail in problem["detail"]
        assert "instance" not in problem["detail"], "it names no class of ours"
