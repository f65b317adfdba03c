"""The script and style sheet: charts, the plan form, contrast, and the size of a first visit."""

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


def test_pointer_and_keyboard_show_the_values_of_a_day(visit):
    page = visit("/")
    reading = page.locator("#reading")
    slider = page.get_by_label("Day", exact=True)
    slider.focus()
    assert slider.get_attribute("aria-valuetext") == "Friday 2 January 2026"
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "Saturday 3 January 2026"
    _, median, eighty, *_ = (
        page.locator("table.days tbody tr").nth(1).locator("td").all_inner_texts()
    )
    assert f"median {median}; 80% range {eighty}" in reading.inner_text()
    page.keyboard.press("Home")
    assert "as published" in reading.inner_text()
    assert page.get_by_role("status").first.inner_text()
    chart = page.locator("#fan svg.wide")
    box = chart.bounding_box()
    chart.hover(position={"x": box["width"] - 9, "y": 100})
    last = reading.inner_text()
    assert last.startswith("Thursday 29 January 2026: median") and "chance of no arrivals" in last
    assert chart.locator(".cursor").bounding_box()["x"] > box["x"] + box["width"] - 20
    chart.hover(position={"x": box["width"] / 10, "y": 100})
    assert re.search(r"people, as published\. A year earlier: \d", reading.inner_text())
    page.keyboard.press("End")
    assert reading.inner_text() == last
    page.set_viewport_size({"width": 400, "height": 800})
    page.locator("#fan svg.narrow").hover(position={"x": 50, "y": 100})
    assert reading.inner_text().startswith("Friday 28 November 2025: "), "35 days before the first"


def test_chart_lines_have_a_contrast_of_three_to_one(visit):
    page = visit("/")

    def colour(selector, property_):
        script = f"part => getComputedStyle(part).{property_}"
        return page.locator(selector).first.evaluate(script)

    for media, scheme in (("screen", "light"), ("screen", "dark"), ("print", "dark")):
        page.emulate_media(media=media, color_scheme=scheme)
        fan, paper = "#fan svg.wide", colour("body", "backgroundColor")
        backgrounds = [paper, *(colour(f"{fan} .{css}", "fill") for css in ("waiting", *BANDS))]
        assert len(set(backgrounds)) == 5
        for name in (*BANDS, "median"):
            line = colour(f"{fan} .{name}", "stroke")
            assert all(contrast(line, behind) >= 3 for behind in backgrounds), name
        for name, property_ in (
            (f"{fan} .then", "stroke"),
            (f"{fan} .today", "stroke"),
            (f"{fan} .actual", "fill"),
            (".chart.small .chance", "fill"),
        ):
            assert contrast(colour(name, property_), paper) >= 3, name


def test_plan_updates_at_once_and_keeps_inputs_in_the_url(visit):
    page = visit("/plan", outage=True)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "threshold"
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("1000")
    page.fill("#stay_days", "10")
    page.wait_for_url("**threshold=1000**stay_days=10**")
    message = page.locator("#said").text_content()
    assert "more than 1,000 people" in message and "10 days" in message
    page.locator("#answers summary", has_text="As a table").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "region"
    page.reload()
    assert page.input_value("#stay_days") == "10"
    answers = page.locator("#answers").inner_text()
    assert "more than 1,000 people" in answers
    page.route("**/plan?**", lambda route: route.fulfill(status=502, body="bad gateway"))
    page.fill("#threshold", "300")
    expect(page.locator("#said.notice")).to_contain_text("Not updated")
    assert page.locator("#answers").inner_text() == answers
    page.unroute("**/plan?**")
    page.fill("#threshold", "301")
    page.wait_for_url("**threshold=301**")
    expect(page.locator("#said")).to_have_class("unseen")
