"""Templates of emails: tables in text, the chart in words, and the layout in a browser."""

from __future__ import annotations

import pytest

from service.answers.issue_loader import IssueLoader
from service.mail.edition import build_edition
from service.mail.render import MailRenderer, Reader
from tests.service.mailbox import read_body
from tests.service.support import NOW, ManualClock
from tests.support.waiting import BOUND

READER = Reader("reader@example.org", 300, "T" * 22)
BUSY = {"median": 387, "lo50": 137, "hi50": 688, "lo80": 107, "hi80": 937, "lo95": 106, "hi95": 999}
YEAR = {name: 100 * count for name, count in BUSY.items()} | {"last_year": 41_472}

pytestmark = pytest.mark.usefixtures("plain_chart")


@pytest.fixture
def loader(module_mailing):
    return IssueLoader(module_mailing, ManualClock(NOW))


@pytest.fixture
def edition(loader):
    return build_edition(loader, "2026-W01")


@pytest.fixture
def render(loader, edition):
    paths, settings = loader.view("people").paths, loader.context.settings
    return lambda: MailRenderer(edition, paths, settings).message(READER)


def test_period_without_counted_days_has_a_dash(edition, render):
    (year,) = (row for row in edition.content["totals"] if row["period"] == "calendar_year")
    year |= {"known": 0, "known_days": 0}
    assert year["note"]
    (line,) = (one for one in read_body(render()).splitlines() if "The year 2026" in one)
    assert " - " in line and " 0 " not in line


def test_chart_is_described_in_words(edition, render):
    content = edition.content
    quiet = {"median": 0, "lo80": 0, "hi80": 90}
    content["days"] = [day | quiet for day in content["days"]]
    content["days"][3] |= {"lo80": 80, "hi80": 95}
    figures = [{"date": f"2025-12-0{day}", "value": value} for day, value in ((1, 0), (2, 1250))]
    published = (
        "2 days as published: the highest 1,250 on 2 December 2025, 1 day with no arrivals. "
        "1 day not yet published. "
    )
    for past, waiting, median, words in (
        (figures, [{}], 0, f"{published}Then 14 days of forecast: a median of 0 on each day;"),
        ([], [], 7, "Then 14 days of forecast: medians between 0 and 7;"),
    ):
        content |= {"past": past, "waiting": waiting}
        content["days"][13]["median"] = median
        html = read_body(render(), "html").replace("&nbsp;", " ")
        assert html.count(f'alt="Chart of people per day. {words}') == 2
        assert "the 80% range reaches furthest on 5 January 2026: 80 to 95. The numbers" in html


def test_weekly_email_fits_a_phone(edition, render, browser):
    for rows, numbers in (("days", BUSY), ("totals", YEAR)):
        edition.content[rows] = [row | numbers for row in edition.content[rows]]
    html = read_body(render(), "html")
    for width in (320, 360, 390, 640):
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.set_default_timeout(1000 * BOUND)
        page.set_content(html)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()
