from __future__ import annotations

import datetime as dt
import html
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.context import Context
from service.store import observations, runs
from service.store.observations import Figure
from tests.service.support import NOW, Hand, publish, random_paths, utc


def text(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def get(client: FlaskClient, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json
    return body


@pytest.mark.parametrize("series", ["people", "boats"])
def test_the_page_has_the_numbers_of_the_api(client: FlaskClient, series: str) -> None:
    page = text(client.get(f"/?series={series}").text)
    for row in get(client, f"/v1/series/{series}/forecast")["rows"]:
        day = dt.date.fromisoformat(row["date"])
        bands = " ".join(f"{row[f'lo{n}']:,} – {row[f'hi{n}']:,}" for n in (50, 80, 95))
        p_zero = f"{100 * row['p_zero']:.0f} %"
        line = f"{day.day} {day:%b} {row['median']:,} {row['mean']:,.0f} {p_zero} {bands}"
        assert line in page
    for row in get(client, f"/v1/series/{series}/totals")["rows"]:
        known = f"{row['known']:,}" if row["known_days"] else "–"
        bands = " ".join(f"{row[f'lo{n}']:,} – {row[f'hi{n}']:,}" for n in (80, 95))
        assert f"{known} {row['median']:,} {bands}" in page
    assert get(client, f"/v1/series/{series}/briefing")["sentence"] in page
    assert get(client, f"/v1/series/{series}/forecast")["issue_id"] in page


def test_the_two_clocks_and_the_attribution(client: FlaskClient) -> None:
    page = text(client.get("/").text)
    assert "Figures through 31 December 2025" in page
    assert re.search(r"Forecast issued \d+ \w+ \d{4}, \d\d:\d\d UK time", page)
    assert "Open Government Licence v3.0" in page
    assert "Home Office" in page


def test_old_figures_are_said(client: FlaskClient, clock: Hand) -> None:
    assert "notice" not in client.get("/").text
    clock.now = utc(2026, 11, 21)
    answer = client.get("/")
    assert 'class="notice stale"' in answer.text
    page = text(answer.text)
    assert "Stale. The newest figure is of 2025-12-31, 325 days ago." in page
    assert "1 to 7 January 2026" in page


def test_the_chart_has_sixty_days_and_four_weeks(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "60 days as published, then 28 days of forecast from 2026-01-01 to 2026-01-28" in page
    assert page.count("<path ") >= 4


def test_figures_after_a_gap_are_not_drawn_before_the_forecast(
    client: FlaskClient, context: Context
) -> None:
    before = client.get("/").text
    with context.database.writing() as connection:
        figure = Figure("people", dt.date(2026, 1, 5), 5_000, "test")
        observations.record(connection, [figure], NOW)
    chart = re.search(r"<svg.*?</svg>", client.get("/").text, re.DOTALL)
    assert chart is not None
    assert chart.group() in before


def test_what_is_read_is_not_sent_again(client: FlaskClient) -> None:
    has = client.get("/").headers["ETag"]
    assert client.get("/").headers["ETag"] == has
    assert client.get("/", headers={"If-None-Match": has}).status_code == 304


def test_before_the_first_issue_the_page_waits(empty: Context, clock: Hand) -> None:
    answer = create_app(empty, clock).test_client().get("/")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "10"
    assert answer.content_type.startswith("text/html")
    assert "Not ready" in answer.text


def test_another_series_is_404(client: FlaskClient) -> None:
    answer = client.get("/?series=planes")
    assert answer.status_code == 404
    assert "people, boats" in answer.json["detail"]


@pytest.mark.parametrize("series", ["<script>alert(1)</script>", "people'\"><img src=x>"])
def test_nothing_that_is_asked_is_written_as_it_is(client: FlaskClient, series: str) -> None:
    answer = client.get("/", query_string={"series": series})
    assert answer.content_type == "application/problem+json"


def test_what_a_job_says_is_escaped(client: FlaskClient, context: Context) -> None:
    with context.database.writing() as connection:
        run_id = runs.claim(connection, "ingest", "x", NOW)
        assert run_id is not None
        runs.finish(connection, run_id, "failed", "<script>alert(1)</script>", {}, NOW)
    page = client.get("/").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_an_issue_of_few_days_still_has_a_page(context: Context, clock: Hand) -> None:
    with context.database.writing() as connection:
        run_id = runs.claim(connection, "refit", "x", NOW)
    assert run_id is not None
    later = NOW + dt.timedelta(days=365)
    publish(context.database, {"climatology": random_paths("2026-01-01", 28)}, run_id, later)
    answer = create_app(context, clock).test_client().get("/")
    assert answer.status_code == 200
    assert "ends after the last simulated day, 2026-01-28" in answer.text
