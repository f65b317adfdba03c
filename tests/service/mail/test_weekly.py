from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from service.core import run_store
from service.core.clock import utc_now
from service.core.context import Context, open_context
from service.core.job_runner import JobError
from service.core.settings import Settings
from service.mail import delivery_store, subscriber_store
from service.mail.weekly import digest, due_week, post
from tests.service.crash import ids
from tests.service.mailbox import (
    FRIDAY,
    PASSWORD,
    WEEK,
    Mailbox,
    counts,
    free_port,
    issue_anew,
    join,
    mail_settings,
    serving,
)
from tests.service.support import Hand, utc

pytestmark = pytest.mark.usefixtures("plain_chart")


def is_due(context: Context, now: dt.datetime) -> bool:
    with context.database.reading() as connection:
        edition = delivery_store.edition(connection, WEEK, "channel")
        return edition is not None and bool(delivery_store.due(connection, edition, now))


def to(*names: str) -> list[str]:
    return [f"{name}@reader.example.org" for name in names]


def test_each_reader_gets_one_and_a_second_run_sends_nothing(
    mailing: Context, mailbox: Mailbox, hand: Hand, plain_chart: list[int]
) -> None:
    join(mailing, "a", "b", "c")
    assert digest(mailing, clock=hand).reason == "2026-W01: 3 sent"
    assert mailbox.readers() == to("a", "b", "c")
    assert [m["To"] for m in mailbox.messages()] == to("a", "b", "c")
    assert len(set(ids(mailbox))) == 3
    assert len(plain_chart) == 1, "drawn once for all"
    assert digest(mailing, clock=hand).reason == "2026-W01: nobody to send to"
    assert len(mailbox.taken) == 3


def test_each_reader_has_their_own_threshold_and_link(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, "a", threshold=100)
    join(mailing, "b", threshold=2000)
    digest(mailing, clock=hand)
    first, second = (m.get_body(("plain",)) for m in mailbox.messages())
    assert first and second
    assert "YOUR THRESHOLD: 100 PEOPLE" in first.get_content()
    assert "YOUR THRESHOLD: 2,000 PEOPLE" in second.get_content()
    links = {m["List-Unsubscribe"] for m in mailbox.messages()}
    with mailing.database.reading() as connection:
        tokens = {s.token for s in subscriber_store.everybody(connection)}
    assert links == {f"<https://forecast.example.org/u/{token}>" for token in tokens}


def test_all_readers_of_a_week_read_the_same_however_late(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, "a", "b")
    mailbox.rcpt = lambda a: "451 later" if a.startswith("b") else None
    digest(mailing, clock=hand)
    issue_anew(mailing.database, dt.date(2025, 12, 31), seed=9)
    mailbox.rcpt = lambda _: None
    hand.now += dt.timedelta(hours=1)
    digest(mailing, clock=hand)
    first, second = mailbox.messages()
    assert first["Subject"] == second["Subject"]
    assert first["Date"] == second["Date"]


def test_who_is_put_off_is_tried_again_with_the_same_message_id(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, "a", "b")
    seen: list[str] = []

    def close(address: str) -> str | None:
        seen.append(address)
        return "close" if address.startswith("a") and len(seen) == 1 else None

    mailbox.data = close
    assert digest(mailing, clock=hand).reason == "2026-W01: 1 later, 1 sent"
    assert digest(mailing, clock=hand).reason.endswith("nobody to send to"), "not at once"
    hand.now += dt.timedelta(minutes=6)
    assert digest(mailing, clock=hand).reason == "2026-W01: 1 sent"
    assert mailbox.readers() == to("b", "a")
    assert counts(mailing) == {"sent": 2}


def test_the_waits_grow_and_end(mailing: Context, mailbox: Mailbox, hand: Hand) -> None:
    join(mailing, "a")
    tried: list[dt.datetime] = []

    def greylist(address: str) -> str:
        tried.append(hand.now)
        return "451 4.7.1 greylisted"

    mailbox.rcpt = greylist
    while hand.now < FRIDAY + dt.timedelta(days=6):
        if not tried or is_due(mailing, hand.now):
            digest(mailing, WEEK, hand)
        hand.now += dt.timedelta(minutes=5 if len(tried) < 5 else 30)
    waits = [(b - a).total_seconds() / 60 for a, b in zip(tried, tried[1:], strict=False)]
    assert waits[:4] == [5, 15, 45, 135]
    assert set(waits[5:]) == {360}
    assert dt.timedelta(days=4) < tried[-1] - FRIDAY <= dt.timedelta(days=5)
    assert counts(mailing) == {"given up": 1}
    with mailing.database.reading() as connection:
        assert [s.state for s in subscriber_store.everybody(connection)] == ["active"]


def test_who_bounces_three_weeks_in_a_row_is_suspended(
    mailing: Context, mailbox: Mailbox, hand: Hand, caplog: pytest.LogCaptureFixture
) -> None:
    join(mailing, "a", "b")
    refuse: Callable[[str], str | None] = lambda a: "550 gone" if a.startswith("a") else None  # noqa: E731
    for answer in (refuse, refuse, lambda _: None, refuse, refuse, refuse, refuse):
        mailbox.rcpt = answer
        digest(mailing, clock=hand)
        hand.now += dt.timedelta(days=7)
    assert mailbox.readers().count(*to("a")) == 1
    assert mailbox.readers().count(*to("b")) == 7
    with mailing.database.reading() as connection:
        assert [s.state for s in subscriber_store.everybody(connection)] == ["suspended", "active"]
        assert delivery_store.counts(connection, "2026-W06", "channel") == {"bounced": 1, "sent": 1}
        assert delivery_store.counts(connection, "2026-W07", "channel") == {"sent": 1}
    assert "is suspended" in caplog.text
    assert "@reader" not in caplog.text


def test_who_leaves_in_the_middle_gets_none(mailing: Context, mailbox: Mailbox, hand: Hand) -> None:
    join(mailing, "a", "b", "c")

    def leave(address: str) -> None:
        with mailing.database.writing() as connection:
            found = subscriber_store.find(connection, address=to("b")[0])
            if found:
                subscriber_store.remove(connection, found, hand.now)

    mailbox.data = leave  # type: ignore[assignment]
    digest(mailing, clock=hand)
    assert mailbox.readers() == to("a", "c")


def test_who_joins_after_the_edition_waits_for_the_next(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, "a")
    digest(mailing, clock=hand)
    join(mailing, "b", now=FRIDAY + dt.timedelta(hours=1))
    hand.now += dt.timedelta(hours=2)
    post(mailing, "", clock=hand)
    assert mailbox.readers() == to("a")
    hand.now += dt.timedelta(days=7)
    digest(mailing, clock=hand)
    assert mailbox.readers() == to("a", "a", "b")


def test_a_second_process_leaves_it_to_the_first(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, "a")
    other = open_context(mailing.settings)
    with other.database.alone("digest-channel") as held:
        assert held
        assert digest(mailing, clock=hand).outcome == "skipped"
    assert digest(mailing, clock=hand).outcome == "done"
    assert len(mailbox.taken) == 1
    other.database.close()


def test_a_server_that_is_not_there_loses_nothing(
    mailing: Context, mailbox: Mailbox, hand: Hand, caplog: pytest.LogCaptureFixture
) -> None:
    join(mailing, "a", "b")
    away = Settings(**(mailing.settings.model_dump() | {"smtp_port": free_port()}))
    with pytest.raises(JobError, match="cannot be used"):
        digest(Context(away, mailing.database), clock=hand)
    hand.now += dt.timedelta(minutes=30)
    digest(mailing, clock=hand)
    assert Counter(mailbox.readers()) == Counter(to("a", "b"))
    assert "@reader" not in caplog.text and PASSWORD not in caplog.text


def test_a_server_that_stalls_is_left_alone(ca_file: Path, mailing: Context, hand: Hand) -> None:
    join(mailing, *"abcdef")
    tried: list[str] = []

    def stall(address: str) -> str:
        tried.append(address)
        return "close"

    with serving(Mailbox(data=stall), None, "none") as box:
        own = mail_settings(Path(mailing.settings.var_dir).parent, box.port)
        with pytest.raises(JobError, match="3 mails in a row without an answer"):
            digest(Context(own, mailing.database), clock=hand)
    assert len(tried) == 3
    assert counts(mailing) == {"later": 3}


def test_a_week_that_is_not_this_one_is_not_begun(mailing: Context, hand: Hand) -> None:
    join(mailing, "a")
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
def test_the_mail_is_due_at_its_time_in_the_united_kingdom(
    mailing: Context, now: dt.datetime, week: str, moment: dt.datetime
) -> None:
    assert due_week(mailing, now) == (week, moment)


def test_the_scheduler_begins_in_time_or_not_at_all(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, "a", now=utc(2025, 12, 1))
    for now, mails in [
        (utc(2026, 1, 2, 15, 29), 0),
        (utc(2026, 1, 3, 15, 30), 0),  # a day late: the next one
        (utc(2026, 1, 9, 15, 30), 1),
        (utc(2026, 1, 9, 15, 31), 1),
        (utc(2026, 1, 17, 9), 2),  # the machine was off on Friday
    ]:
        hand.now = now
        post(mailing, "", clock=hand)
        assert len(mailbox.taken) == mails, now
    with mailing.database.reading() as connection:
        assert run_store.latest(connection, "digest") is not None


def test_after_a_failure_the_scheduler_pauses(mailing: Context, mailbox: Mailbox) -> None:
    hand = Hand(utc_now())
    _, moment = due_week(mailing, hand.now)
    join(mailing, "a", now=utc(2025, 1, 1))
    hand.now = moment + dt.timedelta(minutes=1)
    mailbox.sender = lambda _: "550 not you"
    with pytest.raises(JobError):
        post(mailing, "", clock=hand)
    hand.now = utc_now()
    with mailing.database.reading() as connection:
        last = run_store.latest(connection, "digest")
    assert last and last.outcome == "failed"
    hand.now = last.started_at + dt.timedelta(minutes=9)
    post(mailing, "", clock=hand)
    with mailing.database.reading() as connection:
        assert run_store.latest(connection, "digest") == last


def test_without_mail_or_without_an_issue_nothing_is_done(
    mailing: Context, empty: Context, hand: Hand
) -> None:
    off = Context(Settings(var_dir=mailing.settings.var_dir), mailing.database)
    post(off, "", clock=hand)
    post(Context(mailing.settings, empty.database), "", clock=hand)
    for context in (mailing, empty):
        with context.database.reading() as connection:
            assert run_store.latest(connection, "digest") is None
