import datetime as dt
import re

import pytest

from tests.service.page.test_pages import visible_text
from tests.service.page.test_templates import save_screenshot
from tests.service.support import NOW, ROUTE


def test_form_keeps_choices_in_the_url(site, visit):
    page = visit("/compare", script=False)
    assert page.locator("#on1").input_value()
    page.fill("#on1", "2025-12-26")
    page.fill("#on2", "2026-01-02")
    page.select_option("#model2", "climatology")
    page.click("form.compare button")
    assert "on1=2025-12-26" in page.url and "model2=climatology" in page.url
    assert page.locator("svg.chart.wide path[class^=range]").count() == 2
    totals = page.locator("table", has_text="80% range").last
    assert totals.locator("tbody tr").count() == 4
    head = totals.locator("thead th").all_inner_texts()
    assert head[:4] == ["Forecast", "Median", "80% range", "Arrived"]
    assert "25 Dec" in totals.locator("tbody tr").first.inner_text()
    csv_path = page.locator("a", has_text="CSV").first.get_attribute("href")
    assert "on2=2026-01-02" in csv_path and "model2=climatology" in csv_path
    header = site.client.get(csv_path).text.partition("\n")[0]
    assert header == "date,value,median_1,lo80_1,hi80_1,median_2,lo80_2,hi80_2"
    save_screenshot(page, "compare-two")


def test_one_forecast_is_singular(site):
    page = visible_text(site.client.get("/compare?on1=2026-01-02"))
    assert "per day: 1 forecast and what arrived" in page and "Totals of 1 forecast." in page


@pytest.mark.parametrize(
    ("query", "name", "value", "words"),
    [
        ("on1=2019-01-01", "on1", "2019-01-01", "forecast 1: there is no forecast from 2019-01-01"),
        ("on2=2026-13-01", "on2", "2026-13-01", "forecast 2: day: expected a day such as"),
        ("on1=2025-12-26&model1=cats", "on1", "2025-12-26", "forecast 1: expected a model of this"),
    ],
)
def test_invalid_choice_is_named_and_kept(site, query, name, value, words):
    page = site.client.get(f"/compare?{query}")
    assert page.status_code == 400
    assert "<title>Error: Compare" in page.text
    assert re.search(rf'id="{name}"[^>]*value="{value}"[^>]*aria-invalid="true"', page.text)
    table = site.client.get(f"/compare/comparison.csv?{query}")
    assert (table.status_code, words in table.json["detail"]) == (400, True)


def test_model_without_stored_days_is_named(site, monkeypatch):
    monkeypatch.setattr(site.clock, "now", NOW + dt.timedelta(days=60))
    day = ROUTE.day(site.clock.now)
    response = site.client.get(f"/compare?on1={day}&model1=seasonal_naive")
    assert response.status_code == 400
    assert "Forecast 1: the last day that seasonal_naive of issue" in response.text
