import datetime as dt
from dataclasses import replace

import pytest

from service.answers.issue_loader import IssueLoader
from service.core.clock import utc_now
from service.core.context import Context, open_context
from service.core.job_runner import JobError
from service.core.locks import try_lock
from service.core.settings import Settings
from service.mail.weekly import digest, due_week, edition_for, send_due_mail
from tests.service.mailbox import (
    FRIDAY,
    add_readers,
    count_deliveries,
    list_readers,
    publish_issue,
    read_body,
)
from tests.service.support import ManualClock, latest_run, utc

pytestmark = pytest.mark.usefixtures("plain_chart")


def addresses(*names):
    return [f"{name}@reader.example.org" for name in names]


def test_each_reader_gets_one_email_a_week(mailer, mailbox, hand, plain_chart):
    add_readers(mailer, "a", threshold=100)
    add_readers(mailer, "b", threshold=2000)
    add_readers(mailer, "w", warn_level=40, weekly=False)
    assert digest(mailer, clock=hand).reason == "2026-W01: 2 sent"
    assert count_deliveries(mailer) == {"sent": 2}
    assert mailbox.readers() == [m["To"] for m in mailbox.messages()] == addresses("a", "b")
    assert len(plain_chart) == 1, "one chart for all readers"
    for message, reader in zip(mailbox.messages(), list_readers(mailer)[:2], strict=True):
        assert f"YOUR THRESHOLD: {reader.threshold:,} PEOPLE" in read_body(message)
        assert message["List-Unsubscribe"] == f"<https://forecast.example.org/u/{reader.token}>"
    add_readers(mailer, "c", now=FRIDAY + dt.timedelta(hours=1))
    hand.now += dt.timedelta(days=6)
    send_due_mail(mailer, "", clock=hand)
    assert digest(mailer, clock=hand).reason == "2026-W01: nobody to send to"
    hand.now += dt.timedelta(days=1)
    assert digest(mailer, clock=hand).reason == "2026-W02: 3 sent"
    assert edition_for(IssueLoader(mailer, hand), "2026-W01").made_at == FRIDAY


def test_deferred_email_is_retried_with_the_same_content(mailer, mailbox, hand):
    add_readers(mailer, *"abcde")
    replies = iter(["close", None, "close", None, "close"])  # never many in a row
    mailbox.data = lambda _: next(replies, None)
    assert digest(mailer, clock=hand).reason == "2026-W01: 3 later, 2 sent"
    assert digest(mailer, clock=hand).reason.endswith("nobody to send to")
    publish_issue(mailer.database, dt.date(2025, 12, 31), seed=9)
    hand.now += dt.timedelta(minutes=6)
    assert digest(mailer, clock=hand).reason == "2026-W01: 3 sent"
    assert mailbox.readers() == addresses(*"bdace")
    assert len({(m["Subject"], m["Date"]) for m in mailbox.messages()}) == 1
    assert count_deliveries(mailer) == {"sent": 5}


def test_concurrent_run_is_skipped(mailer, mailbox, hand):
    add_readers(mailer, "a")
    other = open_context(mailer.settings)
    with try_lock(other.database, "digest-channel") as acquired:
        assert acquired
        assert digest(mailer, clock=hand).outcome == "skipped"
    assert digest(mailer, clock=hand).outcome == "done"
    assert len(mailbox.taken) == 1
    other.database.close()


@pytest.mark.parametrize(
    ("now", "week", "moment"),
    [
        (utc(2026, 1, 2, 15, 29), "2025-W52", utc(2025, 12, 26, 15, 30)),
        (utc(2026, 1, 2, 15, 30), "2026-W01", utc(2026, 1, 2, 15, 30)),
        (utc(2026, 1, 5), "2026-W01", utc(2026, 1, 2, 15, 30)),
        (utc(2026, 7, 3, 14, 30), "2026-W27", utc(2026, 7, 3, 14, 30)),  # summer time
        (utc(2026, 7, 3, 14, 29), "2026-W26", utc(2026, 6, 26, 14, 30)),
    ],
)
def test_email_is_due_on_friday_in_uk_time(mailer, now, week, moment):
    assert due_week(mailer, now) == (week, moment)


def test_scheduler_sends_within_a_day(mailer, mailbox, hand):
    add_readers(mailer, "a", now=utc(2025, 12, 1))
    for now, n_sent in [
        (utc(2026, 1, 2, 15, 29), 0),
        (utc(2026, 1, 3, 15, 30), 0),  # a day late
        (utc(2026, 1, 9, 15, 30), 1),
        (utc(2026, 1, 9, 15, 31), 1),
        (utc(2026, 1, 17, 9), 2),  # within a day of Friday
    ]:
        hand.now = now
        send_due_mail(mailer, "", clock=hand)
        assert len(mailbox.taken) == n_sent, now
    assert latest_run(mailer, "digest") is not None


def test_scheduler_resumes_within_five_days(mailer, mailbox, hand):
    add_readers(mailer, "a")
    mailbox.rcpt = lambda _: "451 later"
    assert digest(mailer, clock=hand).reason == "2026-W01: 1 later"
    mailbox.rcpt = lambda _: None
    for moment, n_sent in ((utc(2026, 1, 7, 15, 30), 0), (utc(2026, 1, 7, 15, 29), 1)):
        hand.now = moment
        send_due_mail(mailer, "", clock=hand)
        assert len(mailbox.taken) == n_sent, moment


def test_scheduler_pauses_after_failure(mailer):
    hand = ManualClock(utc_now())
    _, moment = due_week(mailer, hand.now)
    add_readers(mailer, "a", now=utc(2025, 1, 1))
    hand.now = moment + dt.timedelta(minutes=1)
    unready = replace(mailer, settings=mailer.settings.model_copy(update={"mail_from": ""}))
    with pytest.raises(JobError, match="CROSSINGS_MAIL_FROM: needed to send mail"):
        send_due_mail(unready, "", clock=hand)
    last = latest_run(mailer, "digest")
    assert last and last.outcome == "failed"
    hand.now = last.started_at + dt.timedelta(minutes=4)
    send_due_mail(unready, "", clock=hand)
    assert latest_run(mailer, "digest") == last


def test_scheduler_requires_smtp_and_issue(mailer, empty, hand):
    without_smtp = Context(Settings(var_dir=mailer.settings.var_dir), mailer.database)
    send_due_mail(without_smtp, "", clock=hand)
    send_due_mail(Context(mailer.settings, empty.database), "", clock=hand)
    assert latest_run(mailer, "digest") is latest_run(empty, "digest") is None


def test_past_email_uses_the_issue_current_when_due(mailer):
    """The first issue was published at noon on Friday 2 January, the second on Saturday."""
    publish_issue(mailer.database, dt.date(2026, 1, 1), seed=7)
    loader = IssueLoader(mailer, ManualClock(utc(2026, 1, 20, 12)))
    for week, last, first in [
        ("2026-W01", "2025-12-31", "2026-01-02"),
        ("2026-W02", "2026-01-01", "2026-01-09"),
        ("2026-W04", "2026-01-01", "2026-01-20"),
    ]:
        content = edition_for(loader, week).content
        assert (content["data_through"], content["days"][0]["date"]) == (last, first)
        assert content["headline"]["sentence"].startswith("Next 7 days: about")
