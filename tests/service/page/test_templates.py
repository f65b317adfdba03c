"""Accessibility and layout of every view in light, dark, narrow and printed form."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from service.core.context import open_context
from service.mail import subscriber_store
from service.mail.sending import mail_links
from tests.service.support import ROOT, utc

ARTEFACTS = ROOT / "tests" / "artefacts" / "page"

VIEWS = {
    "now": "/",
    "plan": "/plan",
    "record": "/record",
    "compare": "/compare",
    "about": "/about",
    "embed": "/embed/now/forecast",
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NARROW_RULES = ["scrollable-region-focusable", "svg-img-alt", "target-size"]
"""Those that the width decides: what scrolls, which drawing is shown, and how close links are."""


def violations(page, rules=RULES, within=None, *, contrast=True):
    options = {
        "runOnly": rules,
        "resultTypes": ["violations"],
        "rules": {} if contrast else {"color-contrast": {"enabled": False}},
    }
    report = Axe().run(page, within, options)
    return "" if report.violations_count == 0 else str(report.generate_report())


def save_screenshot(page, name):
    """Save a picture of the whole page for people to look at."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)


def check_width(page, width, height=900):
    page.set_viewport_size({"width": width, "height": height})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def check_in_view(cell):
    box = cell.bounding_box()
    assert box and box["x"] + box["width"] <= 320, "one must scroll to see it"


def check_every_appearance(page, name, within=None):
    """Check that the page, or the part `within` it, is accessible: wide, narrow and dark.

    All details are open, and nothing is cut off. A dark page differs only in its colours.
    """
    save_screenshot(page, name)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true })")
    assert not violations(page, within=within)
    for width in (375, 320):
        check_width(page, width)
    assert not violations(page, NARROW_RULES, within)
    page.set_viewport_size({"width": 1200, "height": 900})
    page.emulate_media(color_scheme="dark")
    assert not violations(page, ["color-contrast"], within)
    page.emulate_media(color_scheme="light")


@pytest.mark.parametrize("view", VIEWS)
def test_view_is_accessible_and_fits(visit, view):
    check_every_appearance(visit(VIEWS[view]), view)


def test_route_selector_fits_on_narrow_screens(context, serve, visit):
    """The second route has no forecast."""
    settings = context.settings.model_copy(update={"routes": "channel,italy"})
    two_routes = serve(open_context(settings))
    for path in ("/", "/record", "/about"):
        page = visit(path, base=two_routes.url)
        for width in (320, 390):
            check_width(page, width)
            assert page.get_by_label("Route").is_visible()


@pytest.mark.parametrize("view", ["now", "plan"])
def test_pages_work_without_scripts(visit, view):
    """Compare has a test of its own; Track record uses its script for printing alone."""
    page = visit(VIEWS[view], script=False)
    assert page.locator("[hidden]:visible").count() == 0
    assert page.locator("svg.chart.wide").first.is_visible()
    assert page.locator("table.days, table.others").first.is_visible()
    if view == "plan":
        page.fill("#threshold", "250")
        page.click("form.plan button")
        assert "threshold=250" in page.url
        assert "more than 250 people" in page.locator("#answers").inner_text()


CELLS = """() => [...document.querySelectorAll("table")].map(table =>
    [...table.querySelectorAll("th, td:not(.drawn)")].filter(cell => cell.checkVisibility())
    .map(cell => cell.innerText.replace(/\\s+/g, " ").trim()))"""


@pytest.mark.parametrize("path", ["/", "/plan", "/compare"])
def test_tables_keep_all_cells_on_narrow_screens(visit, path):
    page = visit(path, width=1280)
    wide = page.evaluate(CELLS)
    assert sum(map(len, wide)) >= 18 or path == "/compare"
    for width in (640, 320):
        check_width(page, width)
        assert page.evaluate(CELLS) == wide
    assert page.locator("svg.chart:visible").count()
    for cell in page.locator("table.totals td:nth-child(3)").all():
        check_in_view(cell)
    save_screenshot(page, f"{path.strip('/') or 'now'}-320")


def test_weather_table_is_accessible_and_readable(weather_site, visit):
    page = visit("/", base=weather_site.url)
    section = "section[aria-labelledby=sea-heading]"
    check_every_appearance(page, "sea", section)
    row = page.locator(f"{section} tbody tr").nth(2)
    assert row.locator("th").inner_text().split() == ["Sat", "3", "Jan"]
    wind, spread, _, _, gusts, *_, waves = map(str.strip, row.locator("td").all_inner_texts())
    assert (wind, spread, gusts, waves) == ("6", "5 to 8", "10", "0.4")
    check_width(page, 320)
    check_in_view(row.locator("td").nth(1))


def test_print_shows_details_and_hides_controls(visit):
    page = visit("/")
    page.emulate_media(media="print")
    assert page.locator("table.days").nth(1).locator("tbody tr").first.is_visible()
    assert not page.locator("nav.views").is_visible()
    assert not page.locator(".reader").is_visible()
    assert page.locator("svg.chart.wide").first.is_visible()
    assert len(page.pdf(format="A4")) > 10_000
    size = "one => parseFloat(getComputedStyle(one).fontSize)"
    small, usual = (
        page.locator(f".totals tbody th{of}").first.evaluate(size) for of in (" small", "")
    )
    assert small < usual
    save_screenshot(page, "now-print")
    check_width(page, 717)  # A4 without its margins


def test_notice_of_old_figures(visit, site, monkeypatch):
    monkeypatch.setattr(site.clock, "now", utc(2026, 2, 1, 12))
    page = visit("/")
    save_screenshot(page, "now-stale")
    assert not violations(page)
    assert page.locator(".notice").inner_text() == (
        "Out of date. The latest figures are for 31 December 2025, 32 days ago."
    )
    assert page.locator("h1").inner_text().startswith("Next 7 days: about")
    assert page.title().startswith("Out of date: Next 7 days: about")
    assert page.locator("#why-heading").count() == 0, "the issue explains earlier days"


def test_pages_before_the_first_issue(empty, serve, visit):
    site = serve(empty)
    for path in ("/plan", "/record", "/feed.atom"):
        response = site.client.get(path, headers={"Accept": "text/html"})
        assert (response.status_code, "othing is published yet" in response.text) == (503, True)
    page = visit("/", base=site.url, expected=503)
    assert "nothing is published yet" in page.locator("main").inner_text().lower()
    assert not violations(page)
    save_screenshot(page, "empty")
    assert site.client.get("/about").status_code == 200


def test_alarms_and_problems_are_accessible(degraded_site, visit):
    for view, part in (("record", "main"), ("now", ".notice.alarm")):
        page = visit(VIEWS[view], base=degraded_site.url)
        check_every_appearance(page, f"alarm-{view}", part)
    page.locator(".notice.alarm a").click()
    assert page.url.endswith("/record#alarms")
    assert page.locator("#alarms").is_visible(), "the link has a target"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/?series=planes", 404, "one of the series people"),
        ("/plan?threshold=-1", 400, "threshold must be a whole number"),
        ("/subscribe", 200, "does not send email"),
    ],
)
def test_pages_of_problems_are_accessible(visit, path, status, words):
    page = visit(path, expected=status)
    assert words in page.locator("main").inner_text()
    assert not violations(page)
    save_screenshot(page, f"problem-{status}")


def test_subscription_pages_are_accessible(mail_site, visit, mailbox):
    """Every page that a subscriber sees, in order; messages without buttons have one template."""

    def check_page(name, words, is_new=True):
        assert words in page.locator("h1").inner_text()
        if is_new:
            check_every_appearance(page, f"mail-{name}")

    page = visit("/subscribe", base=mail_site.url, outage=True)
    check_page("form", "Emails")
    page.evaluate("document.querySelector('form').noValidate = true")
    page.fill("#address", "nobody")
    page.click("form button")
    assert page.locator("#problem").get_attribute("role") == "alert"
    check_page("problem", "Emails")
    page.fill("#address", "reader@example.org")
    page.click("form button")
    check_page("asked", "Check your email", is_new=False)
    assert mail_links(mail_site.context, mail_site.clock) == 1
    (link,) = re.findall(r"/subscribe/confirm/\S+", mailbox.messages()[-1].get_content())
    page.goto(mail_site.url + link)
    check_page("confirm", "Confirm your subscription")
    page.click("form button")
    check_page("joined", "You are subscribed")
    page.goto(mail_site.url + link)
    check_page("used", "This link does not work", is_new=False)
    with mail_site.context.database.reading() as connection:
        (reader,) = subscriber_store.list_subscribers(connection)
    page.goto(f"{mail_site.url}/u/{reader.token}")
    check_page("leave", "Unsubscribe from Channel crossings forecast")
    page.click("form button")
    check_page("left", "You have unsubscribed from Channel crossings forecast", is_new=False)
