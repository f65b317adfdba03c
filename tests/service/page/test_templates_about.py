"""The claims of the page About."""

import datetime as dt
import re

import pytest

from service.core.tables import metadata
from service.mail import subscriber_store
from tests.service.page.test_pages import visible_text
from tests.service.support import ROOT

VIEWS = ("/", "/plan", "/record", "/compare")


@pytest.mark.parametrize("path", [*VIEWS, "/about", "/subscribe", "/embed/now/forecast"])
def test_pages_set_no_cookie_and_load_nothing_from_others(site, path):
    response = site.client.get(path)
    assert response.status_code == 200
    assert "Set-Cookie" not in response.headers
    assert not re.search(r"<style|\sstyle=|\son\w+=|(?:src|href)=.https?:", response.text)
    scripts = re.findall("<script[^>]*>", response.text)
    assert all("src=" in script or "application/json" in script for script in scripts)
    sections = re.findall(r"<section.*?</section>", response.text, re.DOTALL)
    assert all("<table" in section for section in sections if '<svg class="chart' in section)


def test_what_is_said_about_emails_is_true(site, mail_site):
    retention = dt.timedelta(hours=subscriber_store.CONFIRM_HOURS)
    about, form = (visible_text(mail_site.client.get(path)) for path in ("/about", "/subscribe"))
    mail = (ROOT / "service" / "mail" / "templates" / "confirm.txt").read_text("utf-8")
    assert all(f"after {retention.days} days" in text for text in (about, form, mail))
    columns = {column.name for column in metadata.tables["subscribers"].columns}
    assert {"address", "threshold", "joined_at"} <= columns
    assert not {name for name in columns if "open" in name or "click" in name}
    assert "We do not record whether you open an email" in about
    for path in ("/about", "/nothing"):
        headers = {"Accept": "text/html"}
        assert "Emails" not in visible_text(site.client.get(path, headers=headers))
        assert "Emails" in visible_text(mail_site.client.get(path, headers=headers))


def test_operator_is_named(site):
    assert "have not given their name" in visible_text(site.client.get("/about"))
    client = site.client_with(contact="The <Channel> desk")
    assert "The <Channel> desk" in visible_text(client.get("/about"))


def test_no_statement_updates_published_issues():
    for file in (ROOT / "service").rglob("*_store.py"):
        assert not re.search(r"\b(?:issues|issue_paths)\.update\(", file.read_text("utf-8")), file
