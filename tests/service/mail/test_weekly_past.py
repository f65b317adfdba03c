"""Weekly emails of past weeks."""

from __future__ import annotations

import datetime as dt

import pytest

from service.answers.errors import NotFound
from service.answers.issue_loader import IssueLoader
from service.core.context import Context
from service.mail.weekly import edition_for
from tests.service.mailbox import publish_issue
from tests.service.support import ManualClock, utc


def test_past_email_uses_the_issue_current_when_due(mailer: Context) -> None:
    """The first issue was published at noon on Friday 2 January, the second on Saturday."""
    publish_issue(mailer.database, dt.date(2026, 1, 1), seed=7)
    loader = IssueLoader(mailer, ManualClock(utc(2026, 1, 20, 12)))
    edition = edition_for(loader, "2026-W01")
    assert edition.content["data_through"] == "2025-12-31"
    assert edition.content["days"][0]["date"] == "2026-01-02"
    assert edition.content["headline"]["sentence"].startswith("Next 7 days: about")
    later = edition_for(loader, "2026-W02")
    assert later.content["data_through"] == "2026-01-01"
    assert later.content["days"][0]["date"] == "2026-01-09"


@pytest.mark.parametrize("time", ["15:30", "12:00"])  # 12:00 is when it was issued
def test_past_week_before_the_first_issue_is_rejected(mailer: Context, time: str) -> None:
    settings = mailer.settings.model_copy(update={"digest_time": time})
    loader = IssueLoader(Context(settings, mailer.database), ManualClock(utc(2026, 1, 20, 12)))
    with pytest.raises(NotFound) as error:
        edition_for(loader, "2025-W52")
    message = str(error.value)
    assert f"due, 2025-12-26T{time}:00Z: the first, people-20251231-" in message
    assert "issued at 2026-01-02T12:00:00Z; the first possible email is that of 2026-W01" in message
