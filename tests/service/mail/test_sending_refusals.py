from __future__ import annotations

import datetime as dt

import pytest

from service.core.job_runner import JobError
from service.mail import subscriber_store
from service.mail.delivery_store import BOUNCES
from service.mail.edition import iso_week
from service.mail.subscriber_store import Preferences
from service.mail.weekly import digest
from tests.service.mailbox import FRIDAY, WEEK, add_readers, count_deliveries

pytestmark = pytest.mark.usefixtures("plain_chart")


def subscribe(context, *addresses):
    preferences, yesterday = Preferences(500, route="channel"), FRIDAY - dt.timedelta(days=1)
    with context.database.writing() as connection:
        for address in addresses:
            subscriber_store.add_subscriber(connection, address, preferences, yesterday)


@pytest.mark.parametrize(
    ("command", "addresses"),
    [
        ("data", [f"{name}@one.example" for name in "abcdefgh"]),
        ("data", ["a@one.example", "b@one.example"]),
        ("rcpt", [f"a@{name}.example" for name in "abcdefgh"]),
        ("rcpt", ["a@one.example", "b@two.example", "c@two.example"]),
    ],
    ids=["content-8", "content-2", "relay-8", "relay-3"],
)
def test_mail_refused_for_every_reader_suspends_nobody(mailer, mailbox, hand, command, addresses):
    """The run stops after 5 readers, each week; all get the email once the fault is repaired."""
    subscribe(mailer, *addresses)
    refused: list[str] = []

    def refuse(address):
        refused.append(address)
        return "554 5.7.1 rejected"

    setattr(mailbox, command, refuse)
    n_refused = min(len(addresses), 5)
    for _ in range(BOUNCES + 1):
        hand.now += dt.timedelta(days=7)
        refused.clear()
        with pytest.raises(JobError, match=rf"none of our emails, for {n_refused} readers \(554\)"):
            digest(mailer, clock=hand)
        assert len(refused) == n_refused
    week = iso_week(mailer.route, hand.now)
    waiting = {"waiting": len(addresses) - n_refused} if len(addresses) > n_refused else {}
    assert count_deliveries(mailer, week) == {"later": n_refused} | waiting
    with mailer.database.reading() as connection:
        assert {s.state for s in subscriber_store.list_subscribers(connection)} == {"active"}
    setattr(mailbox, command, lambda _: None)
    hand.now += dt.timedelta(minutes=6)
    assert digest(mailer, clock=hand).reason == f"{week}: {len(addresses)} sent"


def test_refusal_of_some_readers_bounces(mailer, mailbox, hand):
    """Even if they are many, come first and are all of their domain."""
    subscribe(mailer, *(f"{name}@gone.example" for name in "abcdefgh"), "z@here.example")
    mailbox.rcpt = lambda a: "550 no such domain" if "gone" in a else None
    assert digest(mailer, clock=hand).reason == f"{WEEK}: 8 bounced, 1 sent"


def test_refusals_are_deferred_when_the_server_disconnects(mailer, mailbox, hand):
    add_readers(mailer, *"abcdef")
    mailbox.data = lambda a: "554 refused" if a[0] in "ab" else "close"
    with pytest.raises(JobError, match="3 emails in a row unanswered"):
        digest(mailer, clock=hand)
    assert count_deliveries(mailer) == {"later": 5, "waiting": 1}


def test_mail_deferred_for_every_reader_is_a_failure(mailer, mailbox, hand):
    subscribe(mailer, "a@one.example", "b@two.example", "c@two.example")
    mailbox.rcpt = lambda _: "450 4.3.2 not now"
    with pytest.raises(JobError, match=r"none of our emails, for 3 readers \(450\)"):
        digest(mailer, clock=hand)
    assert count_deliveries(mailer) == {"later": 3}
    assert digest(mailer, clock=hand).reason.endswith("nobody to send to"), "none is due"
    hand.now += dt.timedelta(minutes=6)
    mailbox.rcpt = lambda a: "450 greylisted" if "two" in a else None
    assert digest(mailer, clock=hand).reason == f"{WEEK}: 2 later, 1 sent"
    hand.now += dt.timedelta(minutes=16)
    assert digest(mailer, clock=hand).reason == f"{WEEK}: 2 later", "one domain may be at fault"
    hand.now += dt.timedelta(minutes=46)
    mailbox.rcpt = lambda _: None
    assert digest(mailer, clock=hand).reason == f"{WEEK}: 2 sent"
    assert len(mailbox.readers()) == len(set(mailbox.readers())) == 3


def test_failures_after_an_accepted_email_are_no_fault_of_the_server(mailer, mailbox, hand):
    subscribe(mailer, "a@one.example", "b@two.example", "c@three.example")
    mailbox.rcpt = lambda a: None if "three" in a else "452 4.2.2 mailbox full"
    assert digest(mailer, clock=hand).reason == f"{WEEK}: 2 later, 1 sent"
    for reply, state in (("452 still full", "later"), ("550 closed", "bounced")):
        hand.now += dt.timedelta(minutes=16)
        mailbox.rcpt = lambda _, reply=reply: reply  # type: ignore[misc]
        assert digest(mailer, clock=hand).reason == f"{WEEK}: 2 {state}"


def test_refusal_beside_deferrals_is_no_bounce(mailer, mailbox, hand):
    subscribe(mailer, "a@one.example", "b@two.example")
    mailbox.rcpt = lambda a: "550 blocked" if "one" in a else "450 not now"
    with pytest.raises(JobError, match=r"none of our emails, for 2 readers \(450\)"):
        digest(mailer, clock=hand)
    assert count_deliveries(mailer) == {"later": 2}
