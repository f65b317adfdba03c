"""Every view in every light: no violation that axe finds, nothing cut off, nothing lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from service.mail import subscriber_store
from service.mail.sending import mail_links
from tests.service.mailbox import Mailbox
from tests.service.support import utc

VIEWS = {
    "now": "/",
    "plan": "/plan",
    "record": "/record",
    "compare": "/compare",
    "about": "/about",
    "embed": "/embed/now/forecast",
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LIGHTS = {"light": {}, "dark": {"dark": True}, "phone": {"width": 375}}


def violations(page: Page) -> str:
    found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
    return "" if found.violations_count == 0 else str(found.generate_report())


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_accessible_and_fits(
    visit: Any, shoot: Callable[..., None], view: str, light: str
) -> None:
    page = visit(VIEWS[view], **LIGHTS[light])
    if light == "light":
        page.evaluate(
            "document.querySelectorAll('details').forEach((part) => { part.open = true })"
        )
    assert not violations(page)
    width = LIGHTS[light].get("width", 1200)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shoot(page, f"{view}-{light}")


@pytest.mark.parametrize("path", ["/?series=boats", "/plan?series=boats", "/record?series=boats"])
def test_boats_are_accessible_too(visit: Any, path: str) -> None:
    page = visit(path)
    assert not violations(page)
    assert page.locator("nav.series [aria-current]").inner_text() == "Boats"


def test_without_script_the_numbers_are_in_tables_and_drawings(
    visit: Any, shoot: Callable[..., None]
) -> None:
    for view, path in VIEWS.items():
        page = visit(path, script=False)
        assert page.locator("h1").is_visible()
        assert page.locator("[hidden]:visible").count() == 0
        if view in ("now", "plan"):
            assert page.locator("svg.chart.wide").first.is_visible()
            assert page.locator("table.days, table.others").first.is_visible()
        shoot(page, f"{view}-no-script")


def test_without_script_the_form_answers(visit: Any) -> None:
    page = visit("/plan", script=False)
    page.fill("#threshold", "250")
    page.click("form.plan button")
    assert "threshold=250" in page.url
    assert "more than 250 people" in page.locator("#answers").inner_text()


CELLS = """() => [...document.querySelectorAll("table")].map(table =>
    [...table.querySelectorAll("th, td")].filter(cell => cell.checkVisibility())
    .map(cell => cell.innerText.replace(/\\s+/g, " ").trim()))"""


@pytest.mark.parametrize("path", ["/", "/plan", "/compare"])
def test_no_cell_vanishes_on_a_narrow_page_or_when_enlarged(
    visit: Any, shoot: Callable[..., None], path: str
) -> None:
    page = visit(path, width=1280)
    wide = page.evaluate(CELLS)
    assert sum(map(len, wide)) >= 18 or path == "/compare"
    for width in (640, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(CELLS) == wide
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert not violations(page)
    assert page.locator("svg.chart:visible").count()
    shoot(page, f"{path.strip('/') or 'now'}-320")


@pytest.mark.parametrize(
    "light",
    [*LIGHTS.values(), {"width": 320}, {"script": False}],
    ids=[*LIGHTS, "small-phone", "no-script"],
)
def test_the_sea_is_read_by_everyone(
    windy: Any, visit: Any, shoot: Callable[..., None], light: dict[str, Any]
) -> None:
    page = visit("/", base=windy.url, **light)
    if light.get("script", True):
        assert not violations(page)
    width = light.get("width", 1200)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    row = page.locator("section[aria-labelledby=sea-heading] tbody tr").nth(2)
    assert row.locator("th").inner_text().split() == ["Sat", "3", "Jan"]
    cells = row.locator("td")
    wind, spread, _, _, gusts, *_ = (text.strip() for text in cells.all_inner_texts())
    assert (wind, spread, gusts) == ("6", "5 to 8", "10")
    assert cells.last.inner_text() == "0.4"
    # Day, wind and its spread are in sight everywhere; the rest is scrolled to.
    box = cells.nth(1).bounding_box()
    assert box and 0 <= box["x"] and box["x"] + box["width"] <= width
    shoot(page, "-".join(["sea", *(f"{name}-{what}" for name, what in light.items())]))


def test_print_opens_what_is_folded_and_leaves_out_what_is_pressed(
    visit: Any, shoot: Callable[..., None]
) -> None:
    page = visit("/")
    page.emulate_media(media="print")
    assert page.locator("table.days").nth(1).locator("tbody tr").first.is_visible()
    assert not page.locator("nav.views").is_visible()
    assert not page.locator(".reader").is_visible()
    assert page.locator("svg.chart.wide").first.is_visible()
    assert len(page.pdf(format="A4")) > 10_000
    shoot(page, "now-print")


def test_old_figures_are_said_in_amber(visit: Any, site: Any, shoot: Callable[..., None]) -> None:
    now, site.clock.now = site.clock.now, utc(2026, 2, 1, 12)
    try:
        page = visit("/")
        notice = page.locator(".notice").inner_text()
        shoot(page, "now-stale")
        assert not violations(page)
    finally:
        site.clock.now = now
    assert notice.replace("\xa0", " ") == (
        "Out of date. The latest figures are for 31 December 2025, 32 days ago."
    )
    assert page.locator("h1").inner_text().startswith("Next 7 days: about")


def test_an_empty_database_says_what_is_awaited(
    bare: Any, visit: Any, shoot: Callable[..., None]
) -> None:
    for path in ("/", "/plan", "/record"):
        page = visit(path, base=bare.url, expected=503)
        assert "nothing is published yet" in page.locator(".notice").inner_text().lower()
    assert not violations(page)
    shoot(page, "empty")
    assert visit("/about", base=bare.url).locator("h1").is_visible()


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("view", ["now", "record"])
def test_alarms_and_faults_are_accessible(
    alarmed: Any, visit: Any, shoot: Callable[..., None], view: str, light: str
) -> None:
    page = visit(VIEWS[view], base=alarmed.url, **LIGHTS[light])
    assert "99" in page.locator(".notice.alarm" if view == "now" else "#alarms").inner_text()
    assert "Problem" in page.locator(".notice").first.inner_text()
    assert not violations(page)
    width = LIGHTS[light].get("width", 1200)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shoot(page, f"alarm-{view}-{light}")
    if view == "now":
        page.locator(".notice.alarm a").click()
        assert page.url.endswith("/record#alarms")


def test_a_wrong_address_is_accessible(visit: Any, shoot: Callable[..., None]) -> None:
    page = visit("/?series=planes", expected=404)
    assert not violations(page)
    shoot(page, "wrong")
    assert not violations(visit("/plan?threshold=-1", expected=400))


@pytest.mark.parametrize("light", LIGHTS)
def test_joining_and_leaving_are_accessible(
    mailed: Any, visit: Any, mailbox: Mailbox, shoot: Callable[..., None], light: str
) -> None:
    """Every page that a subscriber sees, in the order in which they are seen."""

    def look(name: str, words: str, page: Page) -> None:
        assert words in page.locator("h1").inner_text()
        assert not violations(page)
        width = LIGHTS[light].get("width", 1200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        shoot(page, f"mail-{name}-{light}")

    page = visit("/subscribe", base=mailed.url, expected=200, outage=True, **LIGHTS[light])
    look("form", "Emails", page)
    page.evaluate("document.querySelector('form').noValidate = true")
    page.fill("#address", "nobody")
    page.click("form button")
    assert page.locator("#problem").get_attribute("role") == "alert"
    look("problem", "Emails", page)
    page.fill("#address", "reader@example.org")
    page.click("form button")
    look("asked", "Check your email", page)
    assert mail_links(mailed.context, mailed.clock) == 1
    link = re.search(r"/subscribe/confirm/\S+", mailbox.messages()[-1].get_content())
    assert link
    page.goto(mailed.url + link[0])
    look("confirm", "Confirm your subscription", page)
    page.click("form button")
    look("joined", "You are subscribed", page)
    page.goto(mailed.url + link[0])
    look("used", "This link does not work", page)
    with mailed.context.database.reading() as connection:
        (reader,) = subscriber_store.everybody(connection)
    page.goto(f"{mailed.url}/u/{reader.token}")
    look("leave", "Unsubscribe from all emails", page)
    page.click("form button")
    look("left", "You have unsubscribed", page)


def test_without_mail_the_form_says_so(visit: Any) -> None:
    page = visit("/subscribe")
    assert "does not send email" in page.locator(".notice").inner_text()
    assert not violations(page)


def test_every_page_can_be_walked_by_keyboard(visit: Any) -> None:
    page = visit("/plan")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "threshold"
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("1000")
    page.wait_for_url("**threshold=1000**")
    page.locator("#answers summary", has_text="As a table").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "region"
