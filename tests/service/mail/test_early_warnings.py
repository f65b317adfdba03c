import datetime as dt

import numpy as np
import pytest

from forecast.paths import Paths
from service.core.job_runner import JobError
from service.issues import early_warning_store
from service.issues.early_warning_store import EarlyWarning
from service.mail import delivery_store, subscriber_store
from service.mail.early_warnings import is_due, preview, warn
from service.mail.weekly import send_due_mail
from tests.service.mailbox import add_readers, list_readers, read_body
from tests.service.stored_issues import with_settings
from tests.service.support import ManualClock, latest_run, publish, record_run, utc

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
FIRST = dt.date(2026, 1, 5)  # a Monday: no weekly email until Friday


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


def add_warned(context, *names, threshold=500, level=40, **more):
    add_readers(context, *names, threshold=threshold, warn_level=level, **more)


def read_email(mailbox):
    """The subject, the first paragraph after the title, and all words of the last email."""
    message = mailbox.messages()[-1]
    text = read_body(message)
    title, first, *_ = text.split("\n\n")
    assert title == "CHANNEL CROSSINGS FORECAST"
    return message["Subject"], " ".join(first.split()), " ".join(text.split())


def list_warnings(context):
    with context.database.reading() as connection:
        return early_warning_store.list_warnings(connection, "channel")


def send_hourly(context, hand, times):
    for _ in range(times):
        send_due_mail(context, "", hand)
        hand.now += HOUR


def test_warning_starts_and_ends_at_level(mailer, mailbox, hand):
    add_warned(mailer, "a")
    publish_forecast(mailer, hand.now, 10, 45, 20)
    assert warn(mailer, hand).reason == "2026-01-05: 1 sent"
    reason = "chance of more than 500 people arriving on at least one day"
    first = f"45% {reason}, 5 to 7 January 2026"
    subject, lead, words = read_email(mailbox)
    assert (subject, lead) == (f"Early warning: {first}", f"{first}.")
    assert "Mon 5 Jan 10% Tue 6 Jan 45% Wed 7 Jan 20%" in words
    assert "chance is at least 40%" in words
    assert warn(mailer, hand).reason.endswith("nobody to send to")
    for chance, n_sent in ((39.6, 1), (39, 2), (10, 2), (0, 2), (41, 3)):  # 39.6: shown as 40%
        hand.now += DAY
        publish_forecast(mailer, hand.now, chance)
        warn(mailer, hand)
        assert len(mailbox.taken) == n_sent, chance
        if chance == 39:
            over = f"Early warning over: 39% {reason}, 7 to 9 January 2026"
            assert read_email(mailbox)[:2] == (over, f"{over}.")


def test_week_threshold_is_warned_of(mailer, mailbox, hand):
    for name, week_threshold in (("a", 2000), ("b", 3000)):
        add_warned(mailer, name, threshold=1000, week_threshold=week_threshold)
    publish_forecast(mailer, hand.now, 0, 0, 0, 60, 60, 60)
    first, last = dt.date(2025, 12, 2), dt.date(2025, 12, 4)
    earlier = EarlyWarning(first, 1, 1000, first, last, 0.4, "channel")
    with mailer.database.writing() as connection:
        early_warning_store.insert_warnings(connection, [earlier])
    warn(mailer, hand)
    assert mailbox.readers() == ["a@reader.example.org"]
    reason = "60% chance of more than 2,000 people arriving in total, 5 to 11 January 2026"
    subject, lead, words = read_email(mailbox)
    assert (subject, lead) == (f"Early warning: {reason}", f"{reason}.")
    assert "Under 1% chance of more than 1,000 people arriving on at least one day" in words
    assert "0 of 1 were followed by such a day or week" in words


def test_one_warning_a_day_from_the_first_complete_forecast(mailer, mailbox, hand):
    add_warned(mailer, "a")
    publish_forecast(mailer, hand.now, 90)
    send_hourly(mailer, hand, 1)
    publish_forecast(mailer, hand.now, 0)
    send_hourly(mailer, hand, 8)
    assert len(mailbox.taken) == 1
    hand.now = utc(2026, 1, 6, 15, 29)
    send_due_mail(mailer, "", hand)
    assert len(mailbox.taken) == 1, "yesterday's figure is not published yet"
    hand.now += dt.timedelta(minutes=1)
    send_due_mail(mailer, "", hand)
    assert "Early warning over" in mailbox.messages()[1]["Subject"]


def test_stale_forecast_pauses_warnings(mailer, mailbox, hand):
    add_warned(mailer, "a", threshold=0, level=1)
    hand.now = utc(2026, 1, 20, 12)
    send_hourly(mailer, hand, 4)
    assert not mailbox.taken, "the forecast may be repaired before the afternoon"
    for _ in range(3):
        send_due_mail(mailer, "", hand)
        hand.now += DAY
    assert len(mailbox.taken) == 1
    subject, lead, words = read_email(mailbox)
    assert subject == "Early warnings paused: the forecast has a problem"
    assert lead.startswith(
        "Early warnings are paused. The latest figures are for 31 December 2025, 20 days ago."
    )
    assert "chance of" not in words
    publish_forecast(mailer, hand.now, 0)
    warn(mailer, hand)
    reason = "under 1% chance of more than 0 people arriving on at least one day"
    subject, _, _ = read_email(mailbox)
    assert subject == f"Early warnings resumed: {reason}, 23 to 25 January 2026"


def test_preview_stores_nothing_and_unsubscribing_cancels_a_warning(mailer, mailbox, hand):
    add_warned(mailer, "a", "b")
    add_warned(mailer, "c", level=95)
    publish_forecast(mailer, hand.now, 90)
    previews = preview(mailer, hand)
    assert [message["To"][0] for message in previews] == ["a", "b"]
    assert previews[0]["Subject"].startswith("Early warning: 90% chance")
    assert not mailbox.taken and not list_warnings(mailer)
    with mailer.database.reading() as connection:
        assert delivery_store.get_edition(connection, str(FIRST), "channel") is None
    assert latest_run(mailer, "warn") is None

    def unsubscribe(_):
        with mailer.database.writing() as connection:
            subscriber_store.remove_subscriber(connection, list_readers(mailer)[1])

    mailbox.data = unsubscribe
    warn(mailer, hand)
    assert mailbox.readers() == ["a@reader.example.org"]
    assert mailbox.messages()[0]["Subject"] == previews[0]["Subject"]
    warning = EarlyWarning(FIRST, 1, 500, FIRST, FIRST + 2 * DAY, 0.9, "channel")
    assert list_warnings(mailer) == [warning], "once, whoever receives it"
    assert preview(mailer, hand) == []


def test_deferred_warning_expires_after_a_day(mailer, mailbox, hand):
    add_warned(mailer, "a")
    publish_forecast(mailer, hand.now, 90, 90)
    mailbox.rcpt = lambda _: "451 later"
    warn(mailer, hand)
    mailbox.rcpt = lambda _: None
    hand.now = utc(2026, 1, 6, 9)
    assert not is_due(mailer, hand.now), "yesterday's warning is dropped"
    publish_forecast(mailer, hand.now, 80)
    assert is_due(mailer, hand.now)
    warn(mailer, hand)
    assert read_email(mailbox)[0].startswith("Early warning: 80% chance")


def test_warnings_are_due_with_a_reader_and_pause_after_failure(mailer, mailbox, hand):
    add_readers(mailer, "weekly")
    publish_forecast(mailer, hand.now, 90)
    assert not is_due(mailer, hand.now)
    add_warned(mailer, "a")
    assert is_due(mailer, hand.now)
    mailbox.sender = lambda _: "550 not you"
    with pytest.raises(JobError, match="refuses the sender"):
        warn(mailer, hand)
    last = latest_run(mailer, "warn")
    assert last.outcome == "failed"
    # Runs begin by the real clock, so let warnings be due at any time of day.
    always = with_settings(mailer, digest_time="00:00")
    assert [is_due(always, last.started_at + dt.timedelta(minutes=m)) for m in (4, 5)] == [0, 1]
