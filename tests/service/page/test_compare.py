from __future__ import annotations

import re
from typing import Any

from service.issues import issue_store
from tests.service.support import NOW, ROUTE


def test_the_address_keeps_what_is_chosen(site: Any, visit: Any, shoot: Any) -> None:
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
    assert "25 Dec" in rows.first.inner_text().replace("\xa0", " ")
    table = page.locator("a", has_text="CSV").first.get_attribute("href")
    assert "on2=2026-01-02" in table and "model2=climatology" in table
    head = site.client.get(table).get_data(as_text=True).partition("\n")[0]
    assert head == "date,value,median_1,lo80_1,hi80_1,median_2,lo80_2,hi80_2"
    shoot(page, "compare-two")


def test_a_wrong_choice_is_named_and_kept(site: Any) -> None:
    for query, name, words in (
        ("on1=2019-01-01", "on1", "forecast 1: there is no forecast from 2019-01-01"),
        ("on2=soon", "on2", "on2: the day of forecast 2 must be a date"),
        ("on1=2025-12-26&model1=cats", "model1", "model1: the model of forecast 1 does not exist"),
    ):
        answer = site.client.get(f"/compare?{query}")
        page = answer.get_data(as_text=True)
        assert answer.status_code == 400
        assert "<title>Error: Compare" in page
        refused = site.client.get(f"/compare/comparison.csv?{query}")
        assert refused.status_code == 400
        assert words in refused.get_json()["detail"]
        assert re.search(rf'id="{name}"[^>]*aria-invalid="true"', page)
        assert f'value="{query.partition("=")[2].partition("&")[0]}"' in page


def test_a_model_of_which_no_coming_day_is_kept_is_named_beside_its_field(site: Any) -> None:
    with site.context.database.reading() as connection:
        newest = issue_store.get_latest_issue(connection, "people")
    assert newest
    site.clock.now = newest.issued_at
    day = ROUTE.day(newest.issued_at)
    page = site.client.get(f"/compare?on1={day}&model1=seasonal_naive")
    site.clock.now = NOW
    assert page.status_code == 400
    assert "no coming days are kept of this model; choose" in page.text
