from __future__ import annotations

import re
from typing import Any

import pytest

from tests.service.support import ROUTE


def test_form_keeps_choices_in_the_url(site: Any, visit: Any, save_screenshot: Any) -> None:
    page = visit("/compare", script=False)
    assert page.locator("#on1").input_value()
    page.fill("#on1", "2025-12-26")
    page.fill("#on2", "2026-01-02")
    page.select_option("#model2", "climatology")
    page.click("form.compare button")
    assert "on1=2025-12-26" in page.url and "model2=climatology" in page.url
    assert page.locator("svg.chart.wide path[class^=range]").count() == 2
    rows = page.locator("table", has_text="80% range").last.locator("tbody tr")
    assert rows.count() == 4
    head = rows.first.locator("xpath=ancestor::table").locator("thead th").all_inner_texts()
    assert head[:4] == ["Forecast", "Median", "80% range", "Arrived"]
    assert "25 Dec" in rows.first.inner_text().replace("\xa0", " ")
    csv_path = page.locator("a", has_text="CSV").first.get_attribute("href")
    assert "on2=2026-01-02" in csv_path and "model2=climatology" in csv_path
    header = site.client.get(csv_path).text.partition("\n")[0]
    assert header == "date,value,median_1,lo80_1,hi80_1,median_2,lo80_2,hi80_2"
    save_screenshot(page, "compare-two")


def test_invalid_choice_is_named_and_kept(site: Any) -> None:
    for query, name, words in (
        ("on1=2019-01-01", "on1", "forecast 1: there is no forecast from 2019-01-01"),
        ("on2=soon", "on2", "on2: the day of forecast 2 must be a date"),
        ("on1=2025-12-26&model1=cats", "model1", "model1: the model of forecast 1 does not exist"),
    ):
        response = site.client.get(f"/compare?{query}")
        page = response.text
        assert response.status_code == 400
        assert "<title>Error: Compare" in page
        response = site.client.get(f"/compare/comparison.csv?{query}")
        assert response.status_code == 400
        assert words in response.json["detail"]
        assert re.search(rf'id="{name}"[^>]*aria-invalid="true"', page)
        assert f'value="{query.partition("=")[2].partition("&")[0]}"' in page


def test_model_without_stored_days_is_named(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    issued_at = site.loader.view("people").issue.issued_at
    monkeypatch.setattr(site.clock, "now", issued_at)
    response = site.client.get(f"/compare?on1={ROUTE.day(issued_at)}&model1=seasonal_naive")
    assert response.status_code == 400
    assert "no coming days of this model are stored; choose" in response.text
