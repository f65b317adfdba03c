"""Templates of emails: tables in text, and the layout in a browser."""

from __future__ import annotations

from playwright.sync_api import Browser

from service.answers.issue_loader import IssueLoader
from service.core.context import Context
from service.mail.edition import build_edition
from service.mail.render import MailRenderer, Reader
from tests.service.support import NOW, ManualClock
from tests.support.waiting import BOUND

READER = Reader("reader@example.org", 300, "T" * 22)
BUSY = {"median": 387, "lo50": 137, "hi50": 688, "lo80": 107, "hi80": 937, "lo95": 106, "hi95": 999}
YEAR = {name: 100 * count for name, count in BUSY.items()} | {"last_year": 41_472}


def test_period_without_counted_days_has_a_dash(module_mailing: Context) -> None:
    loader = IssueLoader(module_mailing, ManualClock(NOW))
    edition = build_edition(loader, "2026-W01")
    (year,) = (row for row in edition.content["totals"] if row["period"] == "calendar_year")
    year |= {"known": 0, "known_days": 0}
    assert year["note"]
    renderer = MailRenderer(edition, loader.view("people").paths, module_mailing.settings)
    (line,) = (one for one in renderer.text(READER).splitlines() if "The year 2026" in one)
    assert " - " in line and " 0 " not in line


def test_weekly_email_fits_a_phone(module_mailing: Context, browser: Browser) -> None:
    loader = IssueLoader(module_mailing, ManualClock(NOW))
    edition = build_edition(loader, "2026-W01")
    for rows, numbers in (("days", BUSY), ("totals", YEAR)):
        edition.content[rows] = [row | numbers for row in edition.content[rows]]
    renderer = MailRenderer(edition, loader.view("people").paths, module_mailing.settings)
    html = renderer.html(READER)
    for width in (320, 360, 390, 640):
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.set_default_timeout(1000 * BOUND)
        page.set_content(html)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()
