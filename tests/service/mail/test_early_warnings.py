from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pytest
from flask.testing import FlaskClient

from forecast.paths import Paths
from service.app import create_app
from service.core import run_store
from service.core.context import Context
from service.core.job_runner import JobError
from service.issues import early_warning_store
from service.issues.early_warning_store import EarlyWarning
from service.mail import delivery_store, subscriber_store
from service.mail.early_warnings import is_due, preview, warn
from service.mail.weekly import post
from tests.service.mailbox import Mailbox, join
from tests.service.support import ROUTE, Hand, publish, utc

DAY = dt.timedelta(days=1)
FIRST = dt.date(2026, 1, 5)  # a Monday: no weekly mail until Friday
JOINED = utc(2026, 1, 2, 12)


@pytest.fixture
def hand() -> Hand:
    return Hand(utc(2026, 1, 5, 12))


def forecast(context: Context, now: dt.datetime, *chances: int, people: int = 900) -> None:
    """Publish a forecast from today on: by so many of 100 paths, `people` on each of these days."""
    values = np.zeros((100, 28), dtype=np.int64)
    for at, chance in enumerate(chances):
        values[:chance, at] = people
    with context.database.writing() as connection:
        run = run_store.claim(connection, "refit", str(now), now, ROUTE.name)
    assert run is not None
    paths = Paths(np.datetime64(now.date()), values)
    publish(context.database, {"climatology": paths}, run.run_id, now)


def lead(mailbox: Mailbox) -> tuple[str, str]:
    """The subject and the first paragraph of the last mail."""
    first, _, _ = text(mailbox).partition("\n\n")
    return mailbox.messages()[-1]["Subject"], " ".join(first.split())


def text(mailbox: Mailbox) -> str:
    """The text of the last mail."""
    part = mailbox.messages()[-1].get_body(("plain",))
    assert part
    return str(part.get_content()).replace("\r\n", "\n")


def test_a_warning_comes_and_ends_with_the_reason_and_the_days_first(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, "a", threshold=500, warn_level=40, now=JOINED)
    forecast(mailing, hand.now, 10, 45, 20)
    assert warn(mailing, hand).reason == "2026-01-05: 1 sent"
    reason = "45% chance of more than 500 people on at least one day, 5 to 7 January 2026"
    assert lead(mailbox) == (f"Early warning: {reason}", f"{reason}.")
    for line in (
        "Mon 5 Jan +10%",
        "Tue 6 Jan +45%",
        "Wed 7 Jan +20%",
        "the chance is at least 40%",
    ):
        assert re.search(line, text(mailbox)), line
    assert warn(mailing, hand).reason.endswith("nobody to send to")
    for chance, mails in ((40, 1), (39, 2), (10, 2), (0, 2), (41, 3)):
        hand.now += DAY
        forecast(mailing, hand.now, chance)
        warn(mailing, hand)
        assert len(mailbox.taken) == mails, chance
        if chance == 39:
            over = "39% chance of more than 500 people on at least one day, 7 to 9 January 2026"
            assert lead(mailbox) == (f"Early warning over: {over}", f"Early warning over: {over}.")


def test_a_week_above_the_weekly_number_is_warned_of_too(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, "a", threshold=1000, warn_level=40, week_threshold=2000, now=JOINED)
    join(mailing, "b", threshold=1000, warn_level=40, week_threshold=3000, now=JOINED)
    forecast(mailing, hand.now, 0, 0, 0, 60, 60, 60)
    past = [dt.date(2025, 12, day) for day in (2, 4)]
    with mailing.database.writing() as connection:
        earlier = EarlyWarning(past[0], 1, 1000, *past, 0.4, "channel")
        early_warning_store.insert_warnings(connection, [earlier])
    warn(mailing, hand)
    assert mailbox.readers() == ["a@reader.example.org"]
    reason = "60% chance of more than 2,000 people in total, 5 to 11 January 2026"
    assert lead(mailbox) == (f"Early warning: {reason}", f"{reason}.")
    other = "Under 1% chance of more than 1,000 people on at least one day"
    words = " ".join(text(mailbox).split())
    assert other in words and "0 of 1 were followed by such a day or week" in words


def test_there_is_one_mail_a_day_and_it_is_of_the_first_whole_forecast(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, "a", threshold=500, warn_level=40, now=JOINED)
    forecast(mailing, hand.now, 90)
    post(mailing, "", hand)
    hand.now += dt.timedelta(hours=1)
    forecast(mailing, hand.now, 0)
    for _ in range(8):
        post(mailing, "", hand)
        hand.now += dt.timedelta(hours=1)
    assert len(mailbox.taken) == 1
    hand.now = utc(2026, 1, 6, 15, 29)
    post(mailing, "", hand)
    assert len(mailbox.taken) == 1, "the figure of the day before is not there yet"
    hand.now += dt.timedelta(minutes=1)
    post(mailing, "", hand)
    assert "Early warning over" in mailbox.messages()[1]["Subject"]


def test_an_old_forecast_warns_of_nothing_and_says_once_that_it_is_paused(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, "a", threshold=0, warn_level=1, now=JOINED)
    hand.now = utc(2026, 1, 20, 12)
    for _ in range(3):
        post(mailing, "", hand)
        assert not mailbox.taken, "a fault that is mended by the afternoon is nobody's news"
        hand.now += dt.timedelta(hours=1)
    hand.now = utc(2026, 1, 20, 16)
    for _ in range(3):
        post(mailing, "", hand)
        hand.now += DAY
    assert len(mailbox.taken) == 1
    subject, first = lead(mailbox)
    assert subject == "Early warnings paused: the forecast has a problem"
    assert first.startswith(
        "Early warnings are paused. The latest figures are for 31 December 2025, 20 days ago."
    )
    assert "chance of" not in text(mailbox)
    forecast(mailing, hand.now, 0)
    warn(mailing, hand)
    reason = "under 1% chance of more than 0 people on at least one day, 23 to 25 January 2026"
    assert lead(mailbox)[0] == f"Early warnings resumed: {reason}"


@pytest.mark.usefixtures("plain_chart")
def test_each_gets_what_they_chose(mailing: Context, mailbox: Mailbox, hand: Hand) -> None:
    join(mailing, "alone", threshold=500, warn_level=40, weekly=False, now=JOINED)
    join(mailing, "both", threshold=500, warn_level=40, now=JOINED)
    join(mailing, "weekly", threshold=500, now=JOINED)
    forecast(mailing, hand.now, 90)
    warn(mailing, hand)
    assert mailbox.readers() == ["alone@reader.example.org", "both@reader.example.org"]
    hand.now = utc(2026, 1, 9, 15, 30)
    forecast(mailing, hand.now, 90)
    post(mailing, "", hand)
    assert mailbox.readers()[2:] == ["both@reader.example.org", "weekly@reader.example.org"]


def test_a_preview_is_of_the_mails_that_are_sent_and_sends_none(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, "a", threshold=500, warn_level=40, now=JOINED)
    join(mailing, "b", threshold=500, warn_level=95, now=JOINED)
    forecast(mailing, hand.now, 90)
    shown = preview(mailing, hand)
    assert [message["To"] for message in shown] == ["a@reader.example.org"]
    assert shown[0]["Subject"].startswith("Early warning: 90% chance")
    assert not mailbox.taken
    with mailing.database.reading() as connection:
        assert delivery_store.edition(connection, str(FIRST), "channel") is None
        assert run_store.latest(connection, "warn") is None
        assert early_warning_store.list_warnings(connection, "channel") == []
    mailbox.rcpt = lambda _: "451 later"
    warn(mailing, hand)
    assert preview(mailing, hand) == [], "not at once"
    hand.now += dt.timedelta(minutes=6)
    (again,) = preview(mailing, hand)
    assert again.items()[:-1] == shown[0].items()[:-1], "decided, and still to be sent"
    assert again.get_body().as_bytes() == shown[0].get_body().as_bytes()  # type: ignore[union-attr]
    mailbox.rcpt = lambda _: None
    warn(mailing, hand)
    assert mailbox.messages()[0]["Subject"] == shown[0]["Subject"]
    assert preview(mailing, hand) == []


def test_one_click_leaves_and_a_planned_warning_is_not_sent(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, "a", "b", threshold=500, warn_level=40, now=JOINED)
    forecast(mailing, hand.now, 90)
    web: FlaskClient = create_app(mailing, hand).test_client()

    def leave(_: str) -> None:
        with mailing.database.reading() as connection:
            (*_, last) = subscriber_store.everybody(connection)
        web.post(f"/u/{last.token}", data={"List-Unsubscribe": "One-Click"})

    mailbox.data = leave  # type: ignore[assignment]
    warn(mailing, hand)
    assert mailbox.readers() == ["a@reader.example.org"]
    message = mailbox.messages()[0]
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    mailbox.data = lambda _: None
    link = message["List-Unsubscribe"].strip("<>").removeprefix("https://forecast.example.org")
    assert web.post(link).status_code == 200
    with mailing.database.reading() as connection:
        assert subscriber_store.everybody(connection) == []
        assert delivery_store.counts(connection, "2026-01-05", "channel") == {}
        (warning,) = early_warning_store.list_warnings(connection, "channel")
    assert warning == EarlyWarning(FIRST, 1, 500, FIRST, FIRST + 2 * DAY, 0.9, "channel"), (
        "it can be judged"
    )


def test_who_did_not_get_it_is_told_the_next_day(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, "a", threshold=500, warn_level=40, now=JOINED)
    forecast(mailing, hand.now, 90, 90)
    mailbox.rcpt = lambda _: "451 later"
    warn(mailing, hand)
    mailbox.rcpt = lambda _: None
    hand.now = utc(2026, 1, 6, 9)
    assert not is_due(mailing, hand.now), "yesterday's is not sent any more"
    forecast(mailing, hand.now, 80)
    assert is_due(mailing, hand.now)
    warn(mailing, hand)
    assert lead(mailbox)[0].startswith("Early warning: 80% chance")


def test_new_preferences_begin_anew(mailing: Context, mailbox: Mailbox, hand: Hand) -> None:
    join(mailing, "a", threshold=500, warn_level=40, now=JOINED)
    forecast(mailing, hand.now, 90)
    warn(mailing, hand)
    join(mailing, "a", threshold=600, warn_level=40, now=hand.now + dt.timedelta(hours=1))
    hand.now += DAY
    forecast(mailing, hand.now, 90)
    warn(mailing, hand)
    assert "more than 600 people" in lead(mailbox)[0]


def test_nothing_is_decided_for_nobody_and_a_failure_waits(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, "weekly", now=JOINED)
    forecast(mailing, hand.now, 90)
    assert not is_due(mailing, hand.now)
    join(mailing, "a", threshold=500, warn_level=40, now=JOINED)
    assert is_due(mailing, hand.now)
    mailbox.sender = lambda _: "550 not you"
    with pytest.raises(JobError, match="refuses the sender"):
        warn(mailing, hand)
    with mailing.database.reading() as connection:
        last = run_store.latest(connection, "warn")
    assert last and last.outcome == "failed"
    assert not is_due(mailing, last.started_at + dt.timedelta(minutes=9))
