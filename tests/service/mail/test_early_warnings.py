from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pytest

from forecast.paths import Paths
from service.core.job_runner import JobError
from service.issues import early_warning_store
from service.issues.early_warning_store import EarlyWarning
from service.mail import delivery_store, subscriber_store
from service.mail.early_warnings import is_due, preview, warn
from service.mail.weekly import send_due_mail
from tests.service.mailbox import add_readers, read_body
from tests.service.support import ManualClock, latest_run, publish, record_run, utc

DAY = dt.timedelta(days=1)
FIRST = dt.date(2026, 1, 5)  # a Monday: no weekly email until Friday
JOINED = utc(2026, 1, 2, 12)


@pytest.fixture
def hand():
    return ManualClock(utc(2026, 1, 5, 12))


def publish_forecast(context, now, *chances):
    """Publish a forecast from today on: each day has 900 people in `chance` per cent of paths."""
    values = np.zeros((1000, 28), dtype=np.int64)
    for at, chance in enumerate(chances):
        values[: round(10 * chance), at] = 900
    run_id = record_run(context.database, str(now), now)
    paths = Paths(np.datetime64(now.date()), values)
    publish(context.database, {"climatology": paths}, run_id, now)


def read_lead(mailbox):
    """The subject and the first paragraph after the title of the last email."""
    title, first, *_ = read_text(mailbox).split("\n\n")
    assert title == "CHANNEL CROSSINGS FORECAST"
    return mailbox.messages()[-1]["Subject"], " ".join(first.split())


def read_text(mailbox):
    """The plain text of the last email."""
    return read_body(mailbox.messages()[-1])


def test_warning_starts_and_ends_at_level(mailer, mailbox, hand):
    add_readers(mailer, "a", threshold=500, warn_level=40, now=JOINED)
    publish_forecast(mailer, hand.now, 10, 45, 20)
    assert warn(mailer, hand).reason == "2026-01-05: 1 sent"
    reason = "45% chance of more than 500 people arriving on at least one day, 5 to 7 January 2026"
    assert read_lead(mailbox) == (f"Early warning: {reason}", f"{reason}.")
    for line in ("Mon 5 Jan +10%", "Tue 6 Jan +45%", "Wed 7 Jan +20%", "chance is at least 40%"):
        assert re.search(line, read_text(mailbox)), line
    assert warn(mailer, hand).reason.endswith("nobody to send to")
    for chance, n_sent in ((39.6, 1), (39, 2), (10, 2), (0, 2), (41, 3)):  # 39.6: shown as 40%
        hand.now += DAY
        publish_forecast(mailer, hand.now, chance)
        warn(mailer, hand)
        assert len(mailbox.taken) == n_sent, chance
        if chance == 39:
            chance_in_words = "39% chance of more than 500 people arriving on at least one day"
            reason = f"{chance_in_words}, 7 to 9 January 2026"
            subject = f"Early warning over: {reason}"
            assert read_lead(mailbox) == (subject, f"{subject}.")


def test_week_threshold_is_warned_of(mailer, mailbox, hand):
    add_readers(mailer, "a", threshold=1000, warn_level=40, week_threshold=2000, now=JOINED)
    add_readers(mailer, "b", threshold=1000, warn_level=40, week_threshold=3000, now=JOINED)
    publish_forecast(mailer, hand.now, 0, 0, 0, 60, 60, 60)
    first, last = dt.date(2025, 12, 2), dt.date(2025, 12, 4)
    earlier = EarlyWarning(first, 1, 1000, first, last, 0.4, "channel")
    with mailer.database.writing() as connection:
        early_warning_store.insert_warnings(connection, [earlier])
    warn(mailer, hand)
    assert mailbox.readers() == ["a@reader.example.org"]
    reason = "60% chance of more than 2,000 people arriving in total, 5 to 11 January 2026"
    assert read_lead(mailbox) == (f"Early warning: {reason}", f"{reason}.")
    body = " ".join(read_text(mailbox).split())
    assert "Under 1% chance of more than 1,000 people arriving on at least one day" in body
    assert "0 of 1 were followed by such a day or week" in body


def test_one_warning_a_day_from_the_first_complete_forecast(mailer, mailbox, hand):
    add_readers(mailer, "a", threshold=500, warn_level=40, now=JOINED)
    publish_forecast(mailer, hand.now, 90)
    send_due_mail(mailer, "", hand)
    hand.now += dt.timedelta(hours=1)
    publish_forecast(mailer, hand.now, 0)
    for _ in range(8):
        send_due_mail(mailer, "", hand)
        hand.now += dt.timedelta(hours=1)
    assert len(mailbox.taken) == 1
    hand.now = utc(2026, 1, 6, 15, 29)
    send_due_mail(mailer, "", hand)
    assert len(mailbox.taken) == 1, "yesterday's figure is not published yet"
    hand.now += dt.timedelta(minutes=1)
    send_due_mail(mailer, "", hand)
    assert "Early warning over" in mailbox.messages()[1]["Subject"]


def test_stale_forecast_pauses_warnings(mailer, mailbox, hand):
    add_readers(mailer, "a", threshold=0, warn_level=1, now=JOINED)
    hand.now = utc(2026, 1, 20, 12)
    for _ in range(3):
        send_due_mail(mailer, "", hand)
        assert not mailbox.taken, "the forecast may be repaired before the afternoon"
        hand.now += dt.timedelta(hours=1)
    hand.now = utc(2026, 1, 20, 16)
    for _ in range(3):
        send_due_mail(mailer, "", hand)
        hand.now += DAY
    assert len(mailbox.taken) == 1
    subject, first = read_lead(mailbox)
    assert subject == "Early warnings paused: the forecast has a problem"
    assert first.startswith(
        "Early warnings are paused. The latest figures are for 31 December 2025, 20 days ago."
    )
    assert "chance of" not in read_text(mailbox)
    publish_forecast(mailer, hand.now, 0)
    warn(mailer, hand)
    reason = "under 1% chance of more than 0 people arriving on at least one day"
    assert read_lead(mailbox)[0] == f"Early warnings resumed: {reason}, 23 to 25 January 2026"


def test_preview_sends_nothing(mailer, mailbox, hand):
    add_readers(mailer, "a", threshold=500, warn_level=40, now=JOINED)
    add_readers(mailer, "b", threshold=500, warn_level=95, now=JOINED)
    publish_forecast(mailer, hand.now, 90)
    previews = preview(mailer, hand)
    assert [message["To"] for message in previews] == ["a@reader.example.org"]
    assert previews[0]["Subject"].startswith("Early warning: 90% chance")
    assert not mailbox.taken
    with mailer.database.reading() as connection:
        assert delivery_store.get_edition(connection, str(FIRST), "channel") is None
        assert early_warning_store.list_warnings(connection, "channel") == []
    assert latest_run(mailer, "warn") is None
    warn(mailer, hand)
    assert mailbox.messages()[0]["Subject"] == previews[0]["Subject"]
    assert preview(mailer, hand) == []


def test_unsubscribing_cancels_warning(mailer, mailbox, hand):
    add_readers(mailer, "a", "b", threshold=500, warn_level=40, now=JOINED)
    publish_forecast(mailer, hand.now, 90)

    def unsubscribe_last(_):
        with mailer.database.writing() as connection:
            last = subscriber_store.list_subscribers(connection)[-1]
            subscriber_store.remove_subscriber(connection, last, hand.now)

    mailbox.data = unsubscribe_last  # type: ignore[assignment]
    warn(mailer, hand)
    assert mailbox.readers() == ["a@reader.example.org"]
    with mailer.database.reading() as connection:
        (warning,) = early_warning_store.list_warnings(connection, "channel")
    assert warning == EarlyWarning(FIRST, 1, 500, FIRST, FIRST + 2 * DAY, 0.9, "channel")


def test_deferred_warning_expires_after_a_day(mailer, mailbox, hand):
    add_readers(mailer, "a", threshold=500, warn_level=40, now=JOINED)
    publish_forecast(mailer, hand.now, 90, 90)
    mailbox.rcpt = lambda _: "451 later"
    warn(mailer, hand)
    mailbox.rcpt = lambda _: None
    hand.now = utc(2026, 1, 6, 9)
    assert not is_due(mailer, hand.now), "yesterday's warning is dropped"
    publish_forecast(mailer, hand.now, 80)
    assert is_due(mailer, hand.now)
    warn(mailer, hand)
    assert read_lead(mailbox)[0].startswith("Early warning: 80% chance")


def test_warnings_are_due_with_a_reader_and_pause_after_failure(mailer, mailbox, hand):
    add_readers(mailer, "weekly", now=JOINED)
    publish_forecast(mailer, hand.now, 90)
    assert not is_due(mailer, hand.now)
    add_readers(mailer, "a", threshold=500, warn_level=40, now=JOINED)
    assert is_due(mailer, hand.now)
    mailbox.sender = lambda _: "550 not you"
    with pytest.raises(JobError, match="refuses the sender"):
        warn(mailer, hand)
    last = latest_run(mailer, "warn")
    assert last and last.outcome == "failed"
    assert not is_due(mailer, last.started_at + dt.timedelta(minutes=4))
    retried_at = last.started_at + dt.timedelta(minutes=5)  # as soon as a deferred email is due
    assert is_due(mailer, retried_at)
