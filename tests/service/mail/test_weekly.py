from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from service.answers.issue_loader import IssueLoader
from service.core.clock import utc_now
from service.core.context import Context, open_context
from service.core.job_runner import JobError
from service.core.locks import try_lock
from service.core.settings import Settings
from service.mail import delivery_store, subscriber_store
from service.mail.weekly import digest, due_week, edition_for, send_due_mail
from tests.service.mailbox import (
    FRIDAY,
    PASSWORD,
    WEEK,
    add_readers,
    count_deliveries,
    publish_issue,
    read_body,
)
from tests.service.support import ManualClock, free_port, latest_run, utc

pytestmark = pytest.mark.usefixtures("plain_chart")


def has_due_deliveries(context, now):
    with context.database.reading() as connection:
        edition = delivery_store.get_edition(connection, WEEK, "channel")
        return edition is not None and bool(delivery_store.list_due(connection, edition, now))


def list_states(context):
    with context.database.reading() as connection:
        return [subscriber.state for subscriber in subscriber_store.list_subscribers(connection)]


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
    with mailer.database.reading() as connection:
        readers = subscriber_store.list_subscribers(connection)
    for message, reader in zip(mailbox.messages(), readers[:2], strict=True):
        assert f"YOUR THRESHOLD: {reader.threshold:,} PEOPLE" in read_body(message)
        link = f"<https://forecast.example.org/u/{reader.token}>"
        assert message["List-Unsubscribe"] == link
    add_readers(mailer, "c", now=FRIDAY + dt.timedelta(hours=1))
    hand.now += dt.timedelta(hours=2)
    send_due_mail(mailer, "", clock=hand)
    assert digest(mailer, clock=hand).reason == "2026-W01: nobody to send to"
    hand.now += dt.timedelta(days=7)
    assert digest(mailer, clock=hand).reason == "2026-W02: 3 sent"


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


def test_retry_delays_grow_and_end(mailer, mailbox, hand):
    add_readers(mailer, "a")
    attempts: list[dt.datetime] = []

    def greylist(address):
        attempts.append(hand.now)
        return "451 4.7.1 greylisted"

    mailbox.rcpt = greylist
    while hand.now < FRIDAY + dt.timedelta(days=6):
        if not attempts or has_due_deliveries(mailer, hand.now):
            digest(mailer, WEEK, hand)
        hand.now += dt.timedelta(minutes=5 if len(attempts) < 5 else 30)
    delays = [(b - a).total_seconds() / 60 for a, b in pairwise(attempts)]
    assert delays[:4] == [5, 15, 45, 135]
    assert set(delays[5:]) == {360}
    assert dt.timedelta(days=4) < attempts[-1] - FRIDAY <= dt.timedelta(days=5)
    assert count_deliveries(mailer) == {"given up": 1}
    assert list_states(mailer) == ["active"]


def test_concurrent_run_is_skipped(mailer, mailbox, hand):
    add_readers(mailer, "a")
    other = open_context(mailer.settings)
    with try_lock(other.database, "digest-channel") as acquired:
        assert acquired
        assert digest(mailer, clock=hand).outcome == "skipped"
    assert digest(mailer, clock=hand).outcome == "done"
    assert len(mailbox.taken) == 1
    other.database.close()


def test_emails_are_sent_after_smtp_outage(mailer, mailbox, hand, caplog):
    add_readers(mailer, "a", "b")
    settings = Settings(**(mailer.settings.model_dump() | {"smtp_port": free_port()}))
    with pytest.raises(JobError, match="cannot be used"):
        digest(Context(settings, mailer.database), clock=hand)
    hand.now += dt.timedelta(minutes=6)
    digest(mailer, clock=hand)
    assert Counter(mailbox.readers()) == Counter(addresses("a", "b"))
    assert "@reader" not in caplog.text and PASSWORD not in caplog.text


def test_only_the_week_whose_email_was_due_last_is_begun(mailer, mailbox, hand):
    expected = "expected 2026-W01, the last whose email was due, found"
    with pytest.raises(JobError, match=f"{expected} 2025-W50; use --to or --dry-run"):
        digest(mailer, "2025-W50", hand)
    add_readers(mailer, "a")
    for moment in (utc(2026, 1, 5, 16), utc(2026, 1, 9, 15, 29)):
        hand.now = moment
        with pytest.raises(JobError, match=f"{expected} 2026-W02, due at 2026-01-09T15:30:00Z"):
            digest(mailer, clock=hand)
    assert latest_run(mailer, "digest") is None, "nothing has begun or failed"
    hand.now = utc(2026, 1, 9, 15, 30)
    assert digest(mailer, clock=hand).reason == "2026-W02: 1 sent"
    assert mailbox.messages()[-1]["Date"].startswith("Fri, 09 Jan 2026 15:30")


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
    edition = edition_for(loader, "2026-W01")
    assert edition.content["data_through"] == "2025-12-31"
    assert edition.content["days"][0]["date"] == "2026-01-02"
    assert edition.content["headline"]["sentence"].startswith("Next 7 days: about")
    later = edition_for(loader, "2026-W02")
    assert later.content["data_through"] == "2026-01-01"
    assert later.content["days"][0]["date"] == "2026-01-09"
