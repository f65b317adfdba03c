from __future__ import annotations

import datetime as dt
from collections import Counter
from itertools import pairwise

import pytest

from service.core import run_store
from service.core.clock import utc_now
from service.core.context import Context, open_context
from service.core.job_runner import JobError
from service.core.settings import Settings
from service.mail import delivery_store, subscriber_store
from service.mail.weekly import digest, due_week, send_due_mail
from tests.service.crash import ids
from tests.service.mailbox import (
    FRIDAY,
    PASSWORD,
    WEEK,
    Mailbox,
    add_readers,
    count_deliveries,
    free_port,
    publish_issue,
)
from tests.service.support import ManualClock, utc

pytestmark = pytest.mark.usefixtures("plain_chart")


def has_due_deliveries(context: Context, now: dt.datetime) -> bool:
    with context.database.reading() as connection:
        edition = delivery_store.get_edition(connection, WEEK, "channel")
        return edition is not None and bool(delivery_store.list_due(connection, edition, now))


def list_states(context: Context) -> list[str]:
    with context.database.reading() as connection:
        return [subscriber.state for subscriber in subscriber_store.list_subscribers(connection)]


def latest_run(context: Context) -> run_store.Run | None:
    with context.database.reading() as connection:
        return run_store.get_latest_run(connection, "digest")


def addresses(*names: str) -> list[str]:
    return [f"{name}@reader.example.org" for name in names]


def test_each_reader_gets_one_email_a_week(
    mailing: Context, mailbox: Mailbox, hand: ManualClock, plain_chart: list[int]
) -> None:
    add_readers(mailing, "a", "b", "c")
    assert digest(mailing, clock=hand).reason == "2026-W01: 3 sent"
    assert mailbox.readers() == addresses("a", "b", "c")
    assert [m["To"] for m in mailbox.messages()] == addresses("a", "b", "c")
    assert len(set(ids(mailbox))) == 3
    assert len(plain_chart) == 1, "one chart for all readers"
    assert digest(mailing, clock=hand).reason == "2026-W01: nobody to send to"
    assert len(mailbox.taken) == 3


def test_email_has_threshold_and_unsubscribe_link_of_reader(
    mailing: Context, mailbox: Mailbox, hand: ManualClock
) -> None:
    add_readers(mailing, "a", threshold=100)
    add_readers(mailing, "b", threshold=2000)
    digest(mailing, clock=hand)
    first, second = (m.get_body(("plain",)) for m in mailbox.messages())
    assert first and second
    assert "YOUR THRESHOLD: 100 PEOPLE" in first.get_content()
    assert "YOUR THRESHOLD: 2,000 PEOPLE" in second.get_content()
    links = {m["List-Unsubscribe"] for m in mailbox.messages()}
    with mailing.database.reading() as connection:
        tokens = {s.token for s in subscriber_store.list_subscribers(connection)}
    assert links == {f"<https://forecast.example.org/u/{token}>" for token in tokens}


def test_delayed_email_has_the_same_edition(
    mailing: Context, mailbox: Mailbox, hand: ManualClock
) -> None:
    add_readers(mailing, "a", "b")
    mailbox.rcpt = lambda a: "451 later" if a.startswith("b") else None
    digest(mailing, clock=hand)
    publish_issue(mailing.database, dt.date(2025, 12, 31), seed=9)
    mailbox.rcpt = lambda _: None
    hand.now += dt.timedelta(hours=1)
    digest(mailing, clock=hand)
    first, second = mailbox.messages()
    assert first["Subject"] == second["Subject"]
    assert first["Date"] == second["Date"]


def test_deferred_email_is_retried(mailing: Context, mailbox: Mailbox, hand: ManualClock) -> None:
    add_readers(mailing, "a", "b")
    replies = iter(["close"])
    mailbox.data = lambda _: next(replies, None)
    assert digest(mailing, clock=hand).reason == "2026-W01: 1 later, 1 sent"
    assert digest(mailing, clock=hand).reason.endswith("nobody to send to")
    hand.now += dt.timedelta(minutes=6)
    assert digest(mailing, clock=hand).reason == "2026-W01: 1 sent"
    assert mailbox.readers() == addresses("b", "a")
    assert count_deliveries(mailing) == {"sent": 2}


def test_retry_delays_grow_and_end(mailing: Context, mailbox: Mailbox, hand: ManualClock) -> None:
    add_readers(mailing, "a")
    attempts: list[dt.datetime] = []

    def greylist(address: str) -> str:
        attempts.append(hand.now)
        return "451 4.7.1 greylisted"

    mailbox.rcpt = greylist
    while hand.now < FRIDAY + dt.timedelta(days=6):
        if not attempts or has_due_deliveries(mailing, hand.now):
            digest(mailing, WEEK, hand)
        hand.now += dt.timedelta(minutes=5 if len(attempts) < 5 else 30)
    delays = [(b - a).total_seconds() / 60 for a, b in pairwise(attempts)]
    assert delays[:4] == [5, 15, 45, 135]
    assert set(delays[5:]) == {360}
    assert dt.timedelta(days=4) < attempts[-1] - FRIDAY <= dt.timedelta(days=5)
    assert count_deliveries(mailing) == {"given up": 1}
    assert list_states(mailing) == ["active"]


def test_three_bounces_in_a_row_suspend_reader(
    mailing: Context, mailbox: Mailbox, hand: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    add_readers(mailing, "a", "b")
    for reply in ("550 gone", "550 gone", None, *["550 gone"] * 4):
        mailbox.rcpt = {addresses("a")[0]: reply}.get
        digest(mailing, clock=hand)
        hand.now += dt.timedelta(days=7)
    assert mailbox.readers().count(*addresses("a")) == 1
    assert mailbox.readers().count(*addresses("b")) == 7
    assert list_states(mailing) == ["suspended", "active"]
    assert count_deliveries(mailing, "2026-W06") == {"bounced": 1, "sent": 1}
    assert count_deliveries(mailing, "2026-W07") == {"sent": 1}
    assert "is suspended" in caplog.text
    assert "@reader" not in caplog.text


def test_reader_who_unsubscribes_during_the_run_gets_no_email(
    mailing: Context, mailbox: Mailbox, hand: ManualClock
) -> None:
    add_readers(mailing, "a", "b", "c")

    def unsubscribe(address: str) -> None:
        with mailing.database.writing() as connection:
            subscriber = subscriber_store.find_subscriber(connection, address=addresses("b")[0])
            if subscriber:
                subscriber_store.remove_subscriber(connection, subscriber, hand.now)

    mailbox.data = unsubscribe  # type: ignore[assignment]
    digest(mailing, clock=hand)
    assert mailbox.readers() == addresses("a", "c")


def test_new_reader_waits_for_next_week(
    mailing: Context, mailbox: Mailbox, hand: ManualClock
) -> None:
    add_readers(mailing, "a")
    digest(mailing, clock=hand)
    add_readers(mailing, "b", now=FRIDAY + dt.timedelta(hours=1))
    hand.now += dt.timedelta(hours=2)
    send_due_mail(mailing, "", clock=hand)
    assert mailbox.readers() == addresses("a")
    hand.now += dt.timedelta(days=7)
    digest(mailing, clock=hand)
    assert mailbox.readers() == addresses("a", "a", "b")


def test_concurrent_run_is_skipped(mailing: Context, mailbox: Mailbox, hand: ManualClock) -> None:
    add_readers(mailing, "a")
    other = open_context(mailing.settings)
    with other.database.holding("digest-channel") as acquired:
        assert acquired
        assert digest(mailing, clock=hand).outcome == "skipped"
    assert digest(mailing, clock=hand).outcome == "done"
    assert len(mailbox.taken) == 1
    other.database.close()


def test_emails_are_sent_after_smtp_outage(
    mailing: Context, mailbox: Mailbox, hand: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    add_readers(mailing, "a", "b")
    settings = Settings(**(mailing.settings.model_dump() | {"smtp_port": free_port()}))
    with pytest.raises(JobError, match="cannot be used"):
        digest(Context(settings, mailing.database), clock=hand)
    hand.now += dt.timedelta(minutes=30)
    digest(mailing, clock=hand)
    assert Counter(mailbox.readers()) == Counter(addresses("a", "b"))
    assert "@reader" not in caplog.text and PASSWORD not in caplog.text


def test_run_stops_after_disconnections(
    mailing: Context, mailbox: Mailbox, hand: ManualClock
) -> None:
    add_readers(mailing, *"abcdef")
    recipients: list[str] = []

    def close(address: str) -> str:
        recipients.append(address)
        return "close"

    mailbox.data = close
    with pytest.raises(JobError, match="3 emails in a row unanswered"):
        digest(mailing, clock=hand)
    assert len(recipients) == 3
    assert count_deliveries(mailing) == {"later": 3}


def test_only_the_current_week_is_begun(mailing: Context, hand: ManualClock) -> None:
    with pytest.raises(JobError, match="expected 2026-W01, the current one, found 2025-W50"):
        digest(mailing, "2025-W50", hand)
    with pytest.raises(JobError, match="an ISO week such as"):
        digest(mailing, "2026-W60", hand)


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
def test_email_is_due_on_friday_in_uk_time(
    mailing: Context, now: dt.datetime, week: str, moment: dt.datetime
) -> None:
    assert due_week(mailing, now) == (week, moment)


def test_scheduler_sends_within_a_day(
    mailing: Context, mailbox: Mailbox, hand: ManualClock
) -> None:
    add_readers(mailing, "a", now=utc(2025, 12, 1))
    for now, n_sent in [
        (utc(2026, 1, 2, 15, 29), 0),
        (utc(2026, 1, 3, 15, 30), 0),  # a day late
        (utc(2026, 1, 9, 15, 30), 1),
        (utc(2026, 1, 9, 15, 31), 1),
        (utc(2026, 1, 17, 9), 2),  # within a day of Friday
    ]:
        hand.now = now
        send_due_mail(mailing, "", clock=hand)
        assert len(mailbox.taken) == n_sent, now
    assert latest_run(mailing) is not None


def test_scheduler_pauses_after_failure(mailing: Context, mailbox: Mailbox) -> None:
    hand = ManualClock(utc_now())
    _, moment = due_week(mailing, hand.now)
    add_readers(mailing, "a", now=utc(2025, 1, 1))
    hand.now = moment + dt.timedelta(minutes=1)
    mailbox.sender = lambda _: "550 not you"
    with pytest.raises(JobError):
        send_due_mail(mailing, "", clock=hand)
    hand.now = utc_now()
    last = latest_run(mailing)
    assert last and last.outcome == "failed"
    hand.now = last.started_at + dt.timedelta(minutes=9)
    send_due_mail(mailing, "", clock=hand)
    assert latest_run(mailing) == last


def test_scheduler_requires_smtp_and_issue(
    mailing: Context, empty: Context, hand: ManualClock
) -> None:
    without_smtp = Context(Settings(var_dir=mailing.settings.var_dir), mailing.database)
    send_due_mail(without_smtp, "", clock=hand)
    send_due_mail(Context(mailing.settings, empty.database), "", clock=hand)
    assert latest_run(mailing) is latest_run(empty) is None
