"""The claims of the page About."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from service.core.tables import metadata
from service.mail import subscriber_store
from tests.service.page.test_pages import visible_text
from tests.service.support import ROOT

VIEWS = ("/", "/plan", "/record", "/compare")


@pytest.mark.parametrize("path", [*VIEWS, "/about", "/subscribe", "/embed/now/forecast"])
def test_pages_set_no_cookie(site, path):
    response = site.client.get(path)
    assert response.status_code == 200
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("path", VIEWS)
def test_every_chart_has_a_table_in_its_section(site, path):
    sections = re.findall(r"<section.*?</section>", site.client.get(path).text, re.DOTALL)
    assert all("<table" in section for section in sections if '<svg class="chart' in section)


def test_unconfirmed_addresses_are_deleted_as_promised(mail_site):
    retention = dt.timedelta(hours=subscriber_store.CONFIRM_HOURS) + subscriber_store._RETENTION
    promise = f"after {retention.days} days"
    mail = (ROOT / "service" / "mail" / "templates" / "confirm.txt").read_text("utf-8")
    for text in (
        *(visible_text(mail_site.client.get(path)) for path in ("/about", "/subscribe")),
        mail,
    ):
        assert promise in text


def test_email_opens_are_not_recorded(mail_site):
    columns = {column.name for column in metadata.tables["subscribers"].columns}
    assert {"address", "threshold", "joined_at"} <= columns
    assert not {name for name in columns if "open" in name or "click" in name}
    assert "We do not record whether you open an email" in visible_text(
        mail_site.client.get("/about")
    )


def test_emails_are_mentioned_only_if_sent(site, mail_site):
    for path in ("/about", "/nothing"):
        headers = {"Accept": "text/html"}
        assert "Emails" not in visible_text(site.client.get(path, headers=headers))
        assert "Emails" in visible_text(mail_site.client.get(path, headers=headers))


def test_no_statement_updates_published_issues():
    for file in (ROOT / "service").rglob("*_store.py"):
        assert not re.search(r"\b(?:issues|issue_paths)\.update\(", file.read_text("utf-8")), file
