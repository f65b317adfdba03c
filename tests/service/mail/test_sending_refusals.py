from __future__ import annotations

import datetime as dt

import pytest

from service.core.context import Context
from service.core.job_runner import JobError
from service.mail import subscriber_store
from service.mail.subscriber_store import Preferences
from service.mail.weekly import digest
from tests.service.mailbox import FRIDAY, WEEK, Mailbox, counts, join
from tests.service.support import Hand

pytestmark = pytest.mark.usefixtures("plain_chart")


def states(context: Context) -> set[str]:
    with context.database.reading() as connection:
        return {one.state for one in subscriber_store.everybody(connection)}


def join_at(context: Context, *found: str) -> None:
    with context.database.writing() as connection:
        for address in found:
            subscriber_store.add(
                connection,
                address,
                Preferences(500, route="channel"),
                FRIDAY - dt.timedelta(days=1),
            )


def test_a_mail_that_is_refused_for_what_it_says_suspends_nobody(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    """Week after week; the run stops after a few, and says that it is not the readers' fault."""
    tried: list[str] = []

    def refuse(address: str) -> str:
        tried.append(address)
        return "554 5.7.1 message content rejected"

    join(mailing, *"abcdefgh")
    mailbox.data = refuse
    for _ in range(4):
        with pytest.raises(JobError, match=r"refuses the mail itself, of 5 readers \(554\)"):
            digest(mailing, clock=hand)
        hand.now += dt.timedelta(days=7)
    assert len(tried) == 20
    assert counts(mailing) == {"later": 5}
    assert states(mailing) == {"active"}
    mailbox.data = lambda _: None
    digest(mailing, clock=hand)
    assert len(mailbox.readers()) == 8, "when it is put right all of them have it"


def test_the_few_of_a_short_list_are_spared_too(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, "a", "b")
    mailbox.data = lambda _: "552 too large"
    with pytest.raises(JobError, match="of 2 readers"):
        digest(mailing, clock=hand)
    assert counts(mailing) == {"later": 2}
    hand.now += dt.timedelta(minutes=6)
    mailbox.data = lambda _: None
    assert digest(mailing, clock=hand).reason == f"{WEEK}: 2 sent"


def test_a_refusal_beside_mails_that_are_taken_is_the_reader_s(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, *"abcdefgh")
    mailbox.data = lambda a: "554 not for me" if a[0] != "c" else None
    assert digest(mailing, clock=hand).reason == f"{WEEK}: 7 bounced, 1 sent"


def test_a_server_that_relays_for_nobody_suspends_nobody(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join_at(mailing, *(f"reader@{name}.example" for name in "abcdefgh"))
    mailbox.rcpt = lambda _: "554 5.7.1 relay access denied"
    with pytest.raises(JobError, match=r"of 5 readers \(554\)"):
        digest(mailing, clock=hand)
    assert counts(mailing) == {"later": 5}


def test_a_server_that_relays_for_nobody_suspends_nobody_of_a_short_list(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join_at(mailing, "a@one.example", "b@two.example", "c@two.example")
    mailbox.rcpt = lambda _: "554 5.7.1 relay access denied"
    for _ in range(4):
        with pytest.raises(JobError, match=r"of 3 readers \(554\)"):
            digest(mailing, clock=hand)
        assert counts(mailing) == {"later": 3}
        hand.now += dt.timedelta(days=7)
    assert states(mailing) == {"active"}


def test_a_domain_that_is_gone_is_its_readers_affair(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    """Also when they come first, and are many."""
    join_at(mailing, *(f"{name}@gone.example" for name in "abcdefgh"), "z@here.example")
    mailbox.rcpt = lambda a: "550 no such domain" if "gone" in a else None
    assert digest(mailing, clock=hand).reason == f"{WEEK}: 8 bounced, 1 sent"


def test_what_is_held_back_is_recorded_when_the_server_goes(
    mailing: Context, mailbox: Mailbox, hand: Hand
) -> None:
    join(mailing, *"abcdef")
    mailbox.data = lambda a: "554 refused" if a[0] in "ab" else "close"
    with pytest.raises(JobError, match="3 mails in a row without an answer"):
        digest(mailing, clock=hand)
    assert counts(mailing) == {"later": 5}
