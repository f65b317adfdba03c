"""The mail of a week that is over."""

from __future__ import annotations

import datetime as dt

import pytest

from service.answers.errors import NotFound
from service.answers.issue_loader import IssueLoader
from service.core.context import Context
from service.mail.weekly import edition_for
from tests.service.mailbox import issue_anew
from tests.service.support import Hand, utc


def test_a_mail_of_a_past_week_is_of_the_issue_that_stood_at_its_time(mailing: Context) -> None:
    """The first issue is of noon on Friday 2 January; the second of Saturday."""
    issue_anew(mailing.database, dt.date(2026, 1, 1), seed=7)
    loader = IssueLoader(mailing, Hand(utc(2026, 1, 20, 12)))
    edition = edition_for(loader, "2026-W01")
    assert edition.content["data_through"] == "2025-12-31"
    assert edition.content["days"][0]["date"] == "2026-01-02"
    assert edition.content["headline"]["sentence"].startswith("Next 7 days: about")
    later = edition_for(loader, "2026-W02")
    assert (later.content["data_through"], later.content["days"][0]["date"]) == (
        *("2026-01-01", "2026-01-09"),
    )


def test_a_mail_of_a_week_in_which_no_issue_stood_is_refused(mailing: Context) -> None:
    loader = IssueLoader(mailing, Hand(utc(2026, 1, 20, 12)))
    with pytest.raises(NotFound) as refused:
        edition_for(loader, "2025-W52")
    assert "due, 2025-12-26T15:30:00Z: the first, people-20251231-" in str(refused.value)
    assert "issued at 2026-01-02T12:00:00Z; the first mail can be that of 2026-W01" in str(
        refused.value
    )
