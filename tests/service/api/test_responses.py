"""Formats, ETags and cache of responses; examples and clients of the documentation."""

import csv
import datetime as dt
import importlib
import io
import json
import re
import shutil
import sys

import httpx
import pytest

from service.api import questions
from service.api.responses import Rendered
from service.app import create_app
from service.issues import note_store
from tests.service.api.conftest import bearer, create_key
from tests.service.api.test_errors import BROWSER
from tests.service.page.test_now_why import NOTE
from tests.service.stored_figures import Figure, store_as_documents
from tests.service.support import (
    NOW,
    ROOT,
    ROUTE,
    ManualClock,
    publish,
    random_paths,
    record_run,
    run_server,
    utc,
)
from tests.support.commands import run_command

API = (ROOT / "docs" / "api.md").read_text("utf-8")
CLIENTS = (ROOT / "docs" / "clients.md").read_text("utf-8")
EXAMPLES = re.findall(r"```sh\n(curl [^\n]+)\n```\n```json\n(.*?)\n```", API + CLIENTS, re.DOTALL)
FORECAST = "/v1/series/people/forecast"
OBSERVATIONS = "/v1/series/people/observations?from=2025-12-01"


def fail_a_job(context):
    record_run(context.database, "later", outcome="failed", reason="no model could be fitted")


def publish_later(context):
    paths, run_id = {"climatology": random_paths("2026-01-01", 40)}, record_run(context.database)
    publish(context.database, paths, run_id, NOW + dt.timedelta(days=365))


def revise(context):
    figure = Figure("people", dt.date(2025, 12, 30), 7, "test")
    with context.database.writing() as connection:
        store_as_documents(connection, ROUTE, [figure], NOW)


@pytest.mark.parametrize(
    ("change", "path", "accept"),
    [
        (fail_a_job, FORECAST, "text/csv"),
        (publish_later, FORECAST, "application/json"),
        (revise, OBSERVATIONS, "text/csv"),
    ],
)
def test_change_of_the_store_changes_the_etag(client, context, accept, change, path):
    cached = client.get(path, headers={"Accept": accept}).headers["ETag"]
    assert cached.startswith('"'), "a strong ETag"
    headers = {"If-None-Match": f'"other", {cached}', "Accept": accept}
    assert client.get(path, headers=headers).status_code == 304
    for encoding in ("identity", "gzip"):
        differing = {"If-Match": '"other"', "Accept": accept, "Accept-Encoding": encoding}
        assert client.get(path, headers=differing).status_code == 412
    change(context)
    response = client.get(path, headers=headers)
    assert response.status_code == 200
    if change is fail_a_job:
        assert response.headers["X-Crossings-Status"] == "degraded"


def test_cache_control_by_path(shared):
    def cache_control(path):
        return shared.get(path).headers["Cache-Control"]

    assert cache_control(FORECAST) == "public, max-age=60"
    for path in ("/v1/status", "/v1/series/people/gauges/age", "/readyz"):
        assert cache_control(path) == "public, max-age=0"
    assert shared.get("/livez").json == {"status": "alive"}
    assert shared.get("/readyz").json == {"status": "ready"}


@pytest.mark.parametrize(
    "path",
    [
        f"{FORECAST}?horizon=40&levels=80,99",
        "/v1/series/people/totals?periods=this_month,next_week",
        "/v1/series/people/observations?from=2025-12-31",
        "/v1/series/preventions/observations?from=2025-12-31",
    ],
)
def test_rows_in_every_format(shared, path):
    rows = shared.get(path, headers=BROWSER).json["rows"]
    texts = {}
    for name, content_type in (
        ("csv", "text/csv; charset=utf-8"),
        ("records", "application/vnd.crossings.records+json"),
        ("ndjson", "application/x-ndjson"),
    ):
        response = shared.get(path, headers={"Accept": content_type})
        named = shared.get(f"{path}&format={name}", headers={"Accept": "application/json"})
        for one in (response, named):
            assert (one.status_code, one.content_type) == (200, content_type)
            assert "Accept" in one.vary
            assert one.headers["X-Crossings-Status"] == "fresh"
        assert response.data == named.data
        texts[name] = response.text
    assert json.loads(texts["records"]) == rows
    assert [json.loads(line) for line in texts["ndjson"].splitlines()] == rows
    head, *lines = csv.reader(io.StringIO(texts["csv"]))
    assert head == list(rows[0] if rows else ("time", "date", "value", "source", "known_at"))
    assert lines == [[format_cell(value) for value in row.values()] for row in rows]


def format_cell(value):
    """Times are written as spreadsheets read them: date, space, time."""
    text = "" if value is None else str(value)
    return re.sub(r"(\d\d)T(\d\d:\d\d:\d\d)Z", r"\1 \2", text)


def test_response_is_cached_and_the_oldest_is_evicted(client, monkeypatch):
    first = client.get(FORECAST).data
    monkeypatch.setattr("service.api.series.bands.bands", lambda *_: 1 / 0)
    assert client.get(FORECAST).data == first
    assert client.get(f"{FORECAST}?horizon=28&levels=50,80,95").data == first
    assert client.get(f"{FORECAST}?horizon=27").status_code == 500
    monkeypatch.setattr(questions, "_MOST_BYTES", 5000)
    app = client.application
    questions.register_answers(app)
    cache = app.extensions["answers"].cache
    for name in "abcdef":
        cache[name] = Rendered(b"x" * 1000, "text/plain", name)
    assert list(cache) == ["e", "f"]


def assert_same_shape(documented, body, where):
    """Assert that the response has every documented key, with values of the same types."""
    if isinstance(documented, dict):
        for name, value in documented.items():
            assert name in body, f"{where}.{name} is missing"
            assert_same_shape(value, body[name], f"{where}.{name}")
    elif isinstance(documented, list):
        assert isinstance(body, list), where
        if documented and body:
            assert_same_shape(documented[0], body[0], f"{where}[]")
    elif documented is not None and body is not None:
        kinds = (int, float) if isinstance(documented, int | float) else type(documented)
        assert isinstance(body, kinds), where


@pytest.fixture(scope="module")
def documented(open_copy):
    """A service with an earlier issue to compare with, and the header with an `operate` key."""
    context = open_copy()
    client = create_app(context, ManualClock(NOW)).test_client()
    newest = client.get("/v1/series/people/issues").json["rows"][0]["issue_id"]
    paths = {"climatology": random_paths("2025-12-25", 60)}
    earlier = publish(context.database, paths, run_id=1, issued_at=utc(2025, 12, 25, 15))
    with context.database.writing() as connection:
        note = NOTE | {"since": earlier.issue_id}
        note_store.save_note(connection, newest, note_store.CHANGES, note)
    return client, bearer(create_key(context, "operate"))


@pytest.mark.parametrize(("command", "expected"), EXAMPLES, ids=lambda text: text[:60])
def test_documented_example_has_its_documented_shape(documented, command, expected):
    client, key = documented
    address = re.search(r'"([^"]*\$[^"]*/[^"]*)"$', command)
    assert address, command
    path = address.group(1).replace("${base%/series}", "/v1").replace("$base", "/v1/series")
    headers = key if "Authorization" in command else {}
    body = re.search(r"--json '(.*?)'", command)
    if body:
        response = client.post(path, json=json.loads(body.group(1)))
    else:
        method = "POST" if "--request POST" in command else "GET"
        response = client.open(path, method=method, headers=headers)
    assert response.status_code in (200, 202), response.text
    assert_same_shape(json.loads(expected), response.json, "")


def test_every_path_has_a_documented_example(shared):
    docs = API + CLIENTS
    for path in shared.get("/openapi.json").json["paths"]:
        end = path.replace("/v1/series/{series_id}", "").replace("/v1", "")
        pattern = re.sub(r"\\\{\w+\\\}", r"[\\w{}]+", re.escape(end))
        assert end == "" or path in ("/livez", "/readyz") or re.search(pattern, docs), path


@pytest.fixture(scope="module")
def address(open_copy):
    """A running service."""
    with run_server(open_copy().settings) as base:
        yield base


def test_generated_client_returns_typed_values(address, tmp_path, monkeypatch):
    package = "channel_crossings_forecast_client"
    (tmp_path / "config.yaml").write_text("post_hooks: []\n")
    (tmp_path / "openapi.json").write_bytes(httpx.get(f"{address}/openapi.json").content)
    options = ("--path", "openapi.json", "--config", "config.yaml", "--fail-on-warning")
    command = (sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none")
    printed = run_example(*command, *options, "--output-path", package, cwd=tmp_path)
    assert "arning" not in printed
    monkeypatch.syspath_prepend(str(tmp_path))

    def call(tag, name, **parameters):
        module = importlib.import_module(f"{package}.api.{tag}.{name}")
        return module.sync(client=client, **parameters)

    models = importlib.import_module(f"{package}.models")
    with importlib.import_module(package).Client(base_url=address) as client:
        people = models.ForecastSeriesId.PEOPLE
        forecast = call("series", "series_forecast", series_id=people, horizon=7, levels="90")
        assert isinstance(forecast, models.Forecast)
        assert isinstance(forecast.status, models.StatusName)
        first = forecast.rows[0]
        assert first.date == forecast.from_ and isinstance(first.date, dt.date)
        assert 0 <= first.lo90 <= first.median <= first.hi90
        problem = call("series", "series_forecast", series_id=people, horizon=401)
        assert isinstance(problem, models.ProblemDetails)
        assert problem.errors[0].name == "horizon"
        parameters = {"series_id": people, "issue_id": forecast.issue_id}
        issue = call("issues", "series_issue", **parameters)
        assert isinstance(issue.models[0], models.ModelItem) and issue.as_of.tzinfo is not None
    printed = run_example(sys.executable, "-c", code_example("python", address, 1), cwd=tmp_path)
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d+ \d+ \d+\n", printed)


def code_example(language, address, number=0):
    """A block of code in docs/clients.md, for the service at `address`."""
    blocks = re.findall(rf"```{language}\n(.*?)```", CLIENTS, re.DOTALL)
    return blocks[number].replace("http://127.0.0.1:8000", address)


def run_example(*command, **options):
    done = run_command(*command, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_documented_python_client_runs(address):
    printed = run_example(sys.executable, "-c", code_example("python", address))
    assert re.search(r"next seven days: \d+ to \d+", printed)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_documented_r_client_runs(address):
    run_example("Rscript", "-e", code_example("r", address))
