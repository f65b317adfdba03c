from __future__ import annotations

import datetime as dt
import io
import json

import pandas as pd
import pytest
from flask.testing import FlaskClient

from service.core import run_store
from service.core.context import Context
from tests.service.stored import Figure, record
from tests.service.support import NOW, ROUTE, Hand, publish, random_paths, utc

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


def tag(client: FlaskClient, path: str, accept: str = "*/*") -> str:
    answer = client.get(path, headers={"Accept": accept})
    assert answer.status_code == 200
    found = answer.headers["ETag"]
    assert found.startswith('"'), "a strong one"
    return found


@pytest.mark.parametrize("path", TAGGED)
def test_what_the_reader_has_is_not_sent_again(shared: FlaskClient, path: str) -> None:
    has = tag(shared, path)
    again = shared.get(path, headers={"If-None-Match": f'"other", {has}'})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == has
    assert "Cache-Control" in again.headers
    assert again.headers["X-Content-Type-Options"] == "nosniff"
    assert shared.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("path", TAGGED)
def test_a_status_that_changed_is_another_answer(
    client: FlaskClient, clock: Hand, path: str
) -> None:
    has = tag(client, path)
    clock.now = utc(2026, 1, 20)
    assert client.get(path, headers={"If-None-Match": has}).status_code == 200


@pytest.mark.parametrize("accept", ["application/json", "text/csv"])
def test_a_job_that_failed_changes_the_tag(
    client: FlaskClient, context: Context, accept: str
) -> None:
    has = tag(client, FORECAST, accept)
    with context.database.writing() as connection:
        claimed = run_store.claim(connection, "refit", "later", NOW, ROUTE.name)
        assert claimed is not None
        run_store.finish(connection, claimed, "failed", "no model stands", {}, NOW)
    answer = client.get(FORECAST, headers={"If-None-Match": has, "Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["X-Crossings-Status"] == "degraded"


def test_a_new_issue_changes_the_tag(client: FlaskClient, context: Context) -> None:
    has = tag(client, FORECAST)
    with context.database.writing() as connection:
        claimed = run_store.claim(connection, "refit", "later", NOW, ROUTE.name)
    assert claimed is not None
    same = random_paths("2026-01-01", 40)
    publish(context.database, {"climatology": same}, claimed.run_id, NOW + dt.timedelta(days=365))
    assert client.get(FORECAST, headers={"If-None-Match": has}).status_code == 200


def test_a_revision_changes_the_tag_of_the_figures(client: FlaskClient, context: Context) -> None:
    path = "/v1/series/people/observations?from=2025-12-01"
    has = tag(client, path)
    with context.database.writing() as connection:
        figure = Figure("people", dt.date(2025, 12, 30), 7, "test")
        record(connection, ROUTE, [figure], NOW)
    assert client.get(path, headers={"If-None-Match": has}).status_code == 200


def test_json_and_csv_have_tags_of_their_own(shared: FlaskClient) -> None:
    assert tag(shared, FORECAST, "text/csv") != tag(shared, FORECAST, "application/json")


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/csv; charset=utf-8", "text/csv; charset=utf-8"),
        ("application/json; charset=utf-8", "application/json"),
        ("text/*", "text/csv; charset=utf-8"),
        ("text/csv;q=0.4, application/json;q=0.5", "application/json"),
        ("text/csv;q=0.6, application/json;q=0.5", "text/csv; charset=utf-8"),
    ],
)
def test_the_reader_chooses_the_form(shared: FlaskClient, accept: str, content_type: str) -> None:
    answer = shared.get(FORECAST, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.content_type == content_type
    assert "Accept" in answer.headers["Vary"]


def test_how_long_an_answer_may_be_kept(shared: FlaskClient) -> None:
    def kept(path: str) -> str:
        return shared.get(path).headers["Cache-Control"]

    assert kept(FORECAST) == "public, max-age=60"
    assert kept("/v1/status") == "public, max-age=0"
    assert kept("/readyz") == "public, max-age=0"


def test_no_number_is_outside_json(shared: FlaskClient) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    for path in TAGGED[:-1]:
        json.loads(shared.get(path).text, parse_constant=refuse)


def test_the_rows_alone_come_in_four_forms(shared: FlaskClient) -> None:
    rows = shared.get(FORECAST).json["rows"]
    records = shared.get(f"{FORECAST}?format=records")
    assert records.json == rows
    assert records.headers["X-Crossings-Status"] == "fresh"
    lines = shared.get(f"{FORECAST}?format=ndjson")
    assert lines.content_type == "application/x-ndjson"
    assert [json.loads(line) for line in lines.text.splitlines()] == rows
    table = shared.get(f"{FORECAST}?format=csv").text
    assert len(table.splitlines()) == len(rows) + 1
    frame = pd.read_json(io.StringIO(records.text))
    assert list(frame["median"]) == [row["median"] for row in rows]
    for asked in ({"format": "records"}, {"format": "ndjson"}):
        answer = shared.get("/v1/series", query_string=asked)
        assert answer.text.count("series_id") == 3


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/vnd.crossings.records+json"])
def test_each_form_can_be_asked_for_by_accept(shared: FlaskClient, kind: str) -> None:
    answer = shared.get(FORECAST, headers={"Accept": kind})
    assert answer.content_type == kind
    assert shared.get("/v1/status", headers={"Accept": kind}).status_code == 406


def test_a_spreadsheet_takes_the_time_of_csv_as_one(shared: FlaskClient) -> None:
    table = shared.get("/v1/series/people/observations?from=2025-12-31&format=csv").text
    frame = pd.read_csv(io.StringIO(table))
    for name in ("time", "known_at"):  # date, space and time are what spreadsheets recognise
        moments = pd.to_datetime(frame[name], format="%Y-%m-%d %H:%M:%S")
        assert moments.dt.year.isin([2025, 2026]).all()
    assert table.splitlines()[1] == "2025-12-31 00:00:00,2025-12-31,0,figures,2026-01-01 14:00:00"


def test_a_series_without_figures_is_an_empty_table(shared: FlaskClient) -> None:
    path = "/v1/series/preventions/observations"
    assert shared.get(path).json["rows"] == []
    assert shared.get(f"{path}?format=records").json == []
    assert shared.get(f"{path}?format=csv").text == "time,date,value,source,known_at\n"
