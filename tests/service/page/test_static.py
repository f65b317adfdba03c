"""The script and the style: reading days, asking at once, pictures, and what it all weighs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.service.support import ROOT
from tests.support.first_visit import MOST_BYTES, PATHS, measure

STATIC = ROOT / "service" / "page" / "static"


@pytest.mark.parametrize("path", PATHS)
def test_a_first_visit_keeps_to_its_budget(browser: Browser, site: Any, path: str) -> None:
    cost = measure(browser, site.url + path)  # with an empty cache
    assert cost.wire_bytes < MOST_BYTES
    assert not cost.strangers(site.url)


def reading(page: Page) -> str:
    return page.locator("#reading").inner_text().replace("\xa0", " ")


def test_the_pointer_reads_a_day(visit: Any) -> None:
    page = visit("/")
    over = page.locator(".u-over")
    box = over.bounding_box()
    over.hover(position={"x": box["width"] - 3, "y": 100})
    assert reading(page).startswith("Thursday 29 January 2026: median")
    assert "chance of no arrivals" in reading(page)
    over.hover(position={"x": 2, "y": 100})
    assert "as published" in reading(page)


def test_the_keyboard_reads_a_day_and_says_so(visit: Any) -> None:
    page = visit("/")
    slider = page.get_by_label("Day", exact=True)
    slider.focus()
    assert slider.get_attribute("aria-valuetext") == "Friday 2 January 2026"
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "Saturday 3 January 2026"
    row = page.locator("table.days tbody tr").nth(1).locator("td").all_inner_texts()
    median, eighty = row[1], row[2]
    assert f"median {median}; 80% range {eighty}" in reading(page)
    page.keyboard.press("End")
    assert reading(page).startswith("Thursday 29 January 2026")
    page.keyboard.press("Home")
    assert "as published" in reading(page)
    assert page.get_by_role("status").first.inner_text()


def test_the_chart_follows_the_window_and_the_light(visit: Any) -> None:
    page = visit("/")
    wide = page.locator(".uplot canvas").bounding_box()["width"]
    page.set_viewport_size({"width": 400, "height": 800})
    page.emulate_media(color_scheme="dark")
    expect(page.locator(".uplot")).to_have_count(1)
    expect(page.locator(".uplot canvas")).to_have_css("width", "368px")
    assert wide > 900


def test_the_plan_answers_at_once_and_the_address_keeps_it(visit: Any) -> None:
    page = visit("/plan")
    page.fill("#threshold", "300")
    page.fill("#stay_days", "10")
    page.wait_for_url("**threshold=300**stay_days=10**")
    said = page.locator("#said").text_content()
    assert "more than 300 people" in said and "10 days" in said
    answers = page.locator("#answers").inner_text()
    page.reload()
    assert page.input_value("#stay_days") == "10"
    assert page.locator("#answers").inner_text() == answers


def test_a_silent_service_is_said_and_the_numbers_stay(visit: Any) -> None:
    page = visit("/plan", outage=True)
    before = page.locator("#answers").inner_text()
    page.route("**/plan?**", lambda route: route.fulfill(status=502, body="bad gateway"))
    page.fill("#threshold", "300")
    expect(page.locator("#said.notice")).to_contain_text("Not updated")
    assert page.locator("#answers").inner_text() == before
    page.unroute("**/plan?**")
    page.fill("#threshold", "301")
    page.wait_for_url("**threshold=301**")
    expect(page.locator("#said")).to_have_class("unseen")


@pytest.mark.parametrize("path", ["/", "/plan"])
def test_a_chart_is_saved_as_png(visit: Any, tmp_path: Path, path: str) -> None:
    page = visit(path)
    button = page.locator(".save").last
    with page.expect_download() as waiting:
        button.click()
    assert waiting.value.suggested_filename.endswith(".png")
    content = Path(waiting.value.path()).read_bytes()
    assert content.startswith(b"\x89PNG") and len(content) > 5_000
    (ROOT / "tests" / "artefacts" / "page").mkdir(parents=True, exist_ok=True)
    (ROOT / "tests" / "artefacts" / "page" / f"saved-{path[1:] or 'now'}.png").write_bytes(content)


def test_the_library_is_the_one_that_is_declared() -> None:
    head = (STATIC / "uplot.js").read_text("utf-8")[:200]
    version = (ROOT / "scripts" / "vendor-uplot").read_text("utf-8").split("version=")[1].split()[0]
    assert f"(v{version})" in head
    assert "MIT" in (STATIC / "uplot.LICENSE.txt").read_text("utf-8")
