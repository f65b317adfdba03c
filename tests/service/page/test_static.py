"""The script and style sheet: charts, the plan form, contrast, and the size of a first visit."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.colours import contrast
from tests.support.first_visit import MOST_BYTES, PATHS, measure

BANDS = ("band95", "band80", "band50")


@pytest.mark.parametrize("path", PATHS)
def test_first_visit_keeps_to_its_budget(browser, site, path):
    wire_bytes, elsewhere = measure(browser, site.url + path)  # with an empty cache
    assert 0 < wire_bytes < MOST_BYTES
    assert not elsewhere


def displayed_values(page):
    return page.locator("#reading").inner_text()


def test_pointer_shows_the_values_of_a_day(visit):
    page = visit("/")
    chart = page.locator("#fan svg.wide")
    box = chart.bounding_box()
    chart.hover(position={"x": box["width"] - 9, "y": 100})
    assert displayed_values(page).startswith("Thursday 29 January 2026: median")
    assert "chance of no arrivals" in displayed_values(page)
    assert chart.locator(".cursor").bounding_box()["x"] > box["x"] + box["width"] - 20
    chart.hover(position={"x": box["width"] / 10, "y": 100})
    assert re.search(r"people, as published\. A year earlier: \d", displayed_values(page))
    page.set_viewport_size({"width": 400, "height": 800})
    narrow = page.locator("#fan svg.narrow")
    narrow.hover(position={"x": 50, "y": 100})
    assert displayed_values(page).startswith("Friday 28 November 2025: "), (
        "35 days before the forecast"
    )


def test_keyboard_shows_the_values_of_a_day(visit):
    page = visit("/")
    slider = page.get_by_label("Day", exact=True)
    slider.focus()
    assert slider.get_attribute("aria-valuetext") == "Friday 2 January 2026"
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "Saturday 3 January 2026"
    row = page.locator("table.days tbody tr").nth(1).locator("td").all_inner_texts()
    median, eighty = row[1], row[2]
    assert f"median {median}; 80% range {eighty}" in displayed_values(page)
    page.keyboard.press("End")
    assert displayed_values(page).startswith("Thursday 29 January 2026")
    page.keyboard.press("Home")
    assert "as published" in displayed_values(page)
    assert page.get_by_role("status").first.inner_text()


def test_chart_lines_have_a_contrast_of_three_to_one(visit):
    page = visit("/")

    def colour(selector, property_):
        script = f"part => getComputedStyle(part).{property_}"
        return str(page.locator(f"#fan svg.wide {selector}").first.evaluate(script))

    for media, scheme in (("screen", "light"), ("screen", "dark"), ("print", "dark")):
        page.emulate_media(media=media, color_scheme=scheme)
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        backgrounds = [paper, *(colour(f".{name}", "fill") for name in ("waiting", *BANDS))]
        assert len(set(backgrounds)) == 5
        for name in (*BANDS, "median"):
            line = colour(f".{name}", "stroke")
            assert all(contrast(line, behind) >= 3 for behind in backgrounds), name
        for name, property_ in {"then": "stroke", "today": "stroke", "actual": "fill"}.items():
            assert contrast(colour(f".{name}", property_), paper) >= 3, name
        bar = page.locator(".chart.small .chance").first
        assert contrast(bar.evaluate("part => getComputedStyle(part).fill"), paper) >= 3


def test_plan_updates_at_once_and_keeps_inputs_in_the_url(visit):
    page = visit("/plan")
    page.fill("#threshold", "300")
    page.fill("#stay_days", "10")
    page.wait_for_url("**threshold=300**stay_days=10**")
    message = page.locator("#said").text_content()
    assert "more than 300 people" in message and "10 days" in message
    answers = page.locator("#answers").inner_text()
    page.reload()
    assert page.input_value("#stay_days") == "10"
    assert page.locator("#answers").inner_text() == answers


def test_failed_update_is_shown_and_keeps_the_numbers(visit):
    page = visit("/plan", outage=True)
    answers = page.locator("#answers").inner_text()
    page.route("**/plan?**", lambda route: route.fulfill(status=502, body="bad gateway"))
    page.fill("#threshold", "300")
    expect(page.locator("#said.notice")).to_contain_text("Not updated")
    assert page.locator("#answers").inner_text() == answers
    page.unroute("**/plan?**")
    page.fill("#threshold", "301")
    page.wait_for_url("**threshold=301**")
    expect(page.locator("#said")).to_have_class("unseen")
