"""What the page About claims is true."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from service.core.settings import Settings
from service.core.tables import metadata
from service.mail import subscriber_store
from tests.service.support import ROOT

VIEWS = ("/", "/plan", "/record", "/compare")


def words(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


@pytest.mark.parametrize("path", [*VIEWS, "/about", "/subscribe", "/embed/now/forecast"])
def test_no_page_sets_a_cookie(site: Any, path: str) -> None:
    answer = site.client.get(path)
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("path", VIEWS)
def test_the_numbers_of_every_chart_are_in_a_table_of_its_section(site: Any, path: str) -> None:
    page = site.client.get(path).get_data(as_text=True)
    sections = re.findall(r"<section.*?</section>", page, re.DOTALL)
    charts = [section for section in sections if '<svg class="chart' in section]
    assert charts or path == "/record"
    assert len(re.findall('<svg class="chart', page)) == sum(
        section.count('<svg class="chart') for section in charts
    )
    for section in charts:
        figures = [
            figure
            for figure in re.findall(r"<figure.*?</figure>", section, re.DOTALL)
            if "chart coverage" not in figure
        ]
        # The two small charts below the fan chart share the table of days.
        shared = {'id="no-arrivals"', 'id="above-threshold"', 'id="quiet-spell"'}
        own = [figure for figure in figures if not any(name in figure for name in shared)]
        assert section.count("<table") >= len(own)


def test_forecasts_are_thousands_of_futures_of_people_and_boats_together(site: Any) -> None:
    assert Settings.model_fields["paths"].default >= 2000
    assert "thousands of possible futures" in words(site.client.get("/about"))
    issue = site.client.get("/v1/series/people/issues").get_json()["rows"][0]
    boats = site.client.get("/v1/series/boats/issues").get_json()["rows"][0]
    assert issue["data_through"] == boats["data_through"]
    assert issue["n_paths"] == boats["n_paths"]


def test_an_unconfirmed_address_is_deleted_when_pages_and_mail_say(mailed: Any) -> None:
    kept = dt.timedelta(hours=subscriber_store.CONFIRM_HOURS) + subscriber_store._RETENTION
    promise = f"after {kept.days} days"
    mail = (ROOT / "service" / "mail" / "templates" / "confirm.txt").read_text("utf-8")
    for text in (
        words(mailed.client.get("/about")),
        words(mailed.client.get("/subscribe")),
        mail,
    ):
        assert promise in text


def test_nothing_is_recorded_of_who_opens_an_email(mailed: Any) -> None:
    columns = {column.name for column in metadata.tables["subscribers"].columns}
    assert {"address", "threshold", "joined_at"} <= columns
    assert not {name for name in columns if "open" in name or "click" in name}
    assert "We do not record whether you open an email" in words(mailed.client.get("/about"))


def test_a_service_without_mail_does_not_speak_of_it(site: Any, mailed: Any) -> None:
    for path in ("/about", "/nothing"):
        headers = {"Accept": "text/html"}
        assert "Emails" not in words(site.client.get(path, headers=headers))
        assert "Emails" in words(mailed.client.get(path, headers=headers))


def test_a_published_forecast_is_never_changed() -> None:
    stores = (ROOT / "service").rglob("*_store.py")
    assert not [
        file.name
        for file in stores
        if re.search(r"\b(?:issues|issue_paths)\.update\(", file.read_text("utf-8"))
    ]
