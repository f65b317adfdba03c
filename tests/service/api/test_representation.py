from __future__ import annotations

import datetime as dt
import io
import json

import pandas as pd
import pytest
from flask.testing import FlaskClient

from service.core.context import Context
from tests.service.stored_figures import Figure, store_as_documents
from tests.service.support import NOW, ROUTE, ManualClock, publish, random_paths, record_run, utc

FORECAST = "/v1/series/people/forecast"
TAGGED = [
    FORECAST,
    "/v1/series/people/totals",
    "/v1/series/people/briefing",
    "/v1/series/people/observations?from=2025-12-01",
    "/v1/series",
    "/v1/status",
    "/",
]


def etag(client: FlaskClient, path: str, accept: str = "*/*") -> str:
    response = client.get(path, headers={"Accept": accept})
    assert response.status_code == 200
    value = response.headers["ETag"]
    assert value.startswith('"'), "a strong ETag"
    return value


@pytest.mark.parametrize("path", TAGGED)
def test_matching_etag_gets_304(shared: FlaskClient, path: str) -> None:
    cached = etag(shared, path)
    again = shared.get(path, headers={"If-None-Match": f'"other", {cached}'})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == cached
    assert "Cache-Control" in again.headers
    assert again.headers["X-Content-Type-Options"] == "nosniff"
    assert shared.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_change_of_status_changes_the_etag(client: FlaskClient, clock: ManualClock) -> None:
    cached = {path: etag(client, path) for path in TAGGED}
    clock.now = utc(2026, 1, 20)
    for path in TAGGED:
        assert client.get(path, headers={"If-None-Match": cached[path]}).status_code == 200, path


@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
def test_failed_job_changes_the_etag(client: FlaskClient, context: Context, accept: str) -> None:
    cached = etag(client, FORECAST, accept)
    record_run(context.database, "later", outcome="failed", reason="no model could be fitted")
    response = client.get(FORECAST, headers={"If-None-Match": cached, "Accept": accept})
    assert response.status_code == 200
    assert response.headers["X-Crossings-Status"] == "degraded"


def test_new_issue_changes_the_etag(client: FlaskClient, context: Context) -> None:
    cached = etag(client, FORECAST)
    paths = {"climatology": random_paths("2026-01-01", 40)}
    run_id = record_run(context.database, "later")
    publish(context.database, paths, run_id, NOW + dt.timedelta(days=365))
    assert client.get(FORECAST, headers={"If-None-Match": cached}).status_code == 200


def test_revision_changes_the_etag_of_observations(client: FlaskClient, context: Context) -> None:
    path = "/v1/series/people/observations?from=2025-12-01"
    cached = etag(client, path)
    with context.database.writing() as connection:
        figure = Figure("people", dt.date(2025, 12, 30), 7, "test")
        store_as_documents(connection, ROUTE, [figure], NOW)
    assert client.get(path, headers={"If-None-Match": cached}).status_code == 200


def test_json_and_csv_have_different_etags(shared: FlaskClient) -> None:
    assert etag(shared, FORECAST, "text/csv") != etag(shared, FORECAST, "application/json")


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("text/csv;q=0.4, application/json;q=0.5", "application/json"),
        ("text/*", "text/csv; charset=utf-8"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("application/vnd.crossings.records+json", "application/vnd.crossings.records+json"),
    ],
)
def test_accept_header_selects_the_format(
    shared: FlaskClient, accept: str, content_type: str
) -> None:
    response = shared.get(FORECAST, headers={"Accept": accept})
    assert response.status_code == 200
    assert response.content_type == content_type
    assert "Accept" in response.vary


def test_cache_control_by_path(shared: FlaskClient) -> None:
    def cache_control(path: str) -> str:
        return shared.get(path).headers["Cache-Control"]

    assert cache_control(FORECAST) == "public, max-age=60"
    assert cache_control("/v1/status") == "public, max-age=0"
    assert cache_control("/v1/series/people/gauges/age") == "public, max-age=0"
    assert cache_control("/readyz") == "public, max-age=0"


def test_json_has_no_nan_or_infinity(shared: FlaskClient) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    for path in TAGGED[:-1]:
        json.loads(shared.get(path).text, parse_constant=refuse)


def test_rows_in_every_format(shared: FlaskClient) -> None:
    rows = shared.get(FORECAST).json["rows"]
    records = shared.get(f"{FORECAST}?format=records")
    assert records.json == rows
    assert records.headers["X-Crossings-Status"] == "fresh"
    lines = shared.get(f"{FORECAST}?format=ndjson")
    assert lines.content_type == "application/x-ndjson"
    assert [json.loads(line) for line in lines.text.splitlines()] == rows
    frame = pd.read_json(io.StringIO(records.text))
    assert list(frame["median"]) == [row["median"] for row in rows]
    for name in ("records", "ndjson"):
        assert shared.get(f"/v1/series?format={name}").text.count("series_id") == 3


def test_csv_times_are_read_by_spreadsheets(shared: FlaskClient) -> None:
    table = shared.get("/v1/series/people/observations?from=2025-12-31&format=csv").text
    frame = pd.read_csv(io.StringIO(table))
    for name in ("time", "known_at"):  # spreadsheets recognise date, space, time
        times = pd.to_datetime(frame[name], format="%Y-%m-%d %H:%M:%S")
        assert times.dt.year.isin([2025, 2026]).all()
    assert table.splitlines()[1] == "2025-12-31 00:00:00,2025-12-31,0,figures,2026-01-01 14:00:00"


def test_series_without_figures_is_an_empty_table(shared: FlaskClient) -> None:
    path = "/v1/series/preventions/observations"
    assert shared.get(path).json["rows"] == []
    assert shared.get(f"{path}?format=records").json == []
    assert shared.get(f"{path}?format=csv").text == "time,date,value,source,known_at\n"
