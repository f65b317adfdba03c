from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from service.core.context import Context
from service.core.job_runner import JobError
from service.core.tables import opt_ins
from service.mail import subscriber_store
from service.mail.sending import mail_links
from service.mail.subscriber_store import OptIn, Preferences
from tests.service.mailbox import Mailbox
from tests.service.support import NOW, Hand

LINK = re.compile(r"https://forecast\.example\.org/subscribe/confirm/([\w-]{22})\s")


def ask(context: Context, address: str = "new@example.org", threshold: int = 400) -> None:
    with context.database.writing() as connection:
        subscriber_store.ask(connection, address, Preferences(threshold, route="channel"), NOW)


def tokens(mailbox: Mailbox) -> list[str]:
    return [LINK.findall(m.get_content())[0] for m in mailbox.messages()]


def found(context: Context, token: str) -> OptIn | None:
    with context.database.reading() as connection:
        return subscriber_store.opt_in_of(connection, token)


def test_who_asks_gets_one_link(mailing: Context, mailbox: Mailbox) -> None:
    ask(mailing)
    assert mail_links(mailing, Hand(NOW)) == 1
    assert mail_links(mailing, Hand(NOW)) == 0
    assert mailbox.readers() == ["new@example.org"]
    opt_in = found(mailing, tokens(mailbox)[0])
    assert opt_in and opt_in.state == "mailed" and opt_in.threshold == 400


def test_only_the_hash_of_a_token_is_kept(mailing: Context, mailbox: Mailbox) -> None:
    ask(mailing)
    mail_links(mailing, Hand(NOW))
    with mailing.database.reading() as connection:
        row = connection.execute(sa.select(opt_ins)).one()
    assert tokens(mailbox)[0] not in str(row)


def test_a_link_that_was_put_off_is_replaced_by_another(mailing: Context, mailbox: Mailbox) -> None:
    ask(mailing)
    hand = Hand(NOW)
    mailbox.rcpt = lambda _: "451 4.7.1 greylisted"
    assert mail_links(mailing, hand) == 0
    mailbox.rcpt = lambda _: None
    assert mail_links(mailing, hand) == 0, "not at once"
    hand.now += dt.timedelta(minutes=3)
    assert mail_links(mailing, hand) == 1
    assert found(mailing, tokens(mailbox)[0]) is not None


def test_an_address_that_is_refused_is_not_tried_again(mailing: Context, mailbox: Mailbox) -> None:
    ask(mailing)
    mailbox.rcpt = lambda _: "550 no such mailbox"
    hand = Hand(NOW)
    mail_links(mailing, hand)
    mailbox.rcpt = lambda _: None
    hand.now += dt.timedelta(hours=10)
    assert mail_links(mailing, hand) == 0


def test_a_server_that_refuses_us_costs_no_request(
    mailing: Context, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    ask(mailing)
    mailbox.sender = lambda _: "550 not you"
    with pytest.raises(JobError, match="refuses the sender"):
        mail_links(mailing, Hand(NOW))
    mailbox.sender = lambda _: None
    assert mail_links(mailing, Hand(NOW + dt.timedelta(hours=1))) == 1
    assert "new@example.org" not in caplog.text


def test_what_is_not_confirmed_is_deleted(mailing: Context) -> None:
    ask(mailing)
    mail_links(mailing, Hand(NOW + dt.timedelta(hours=73)))
    with mailing.database.reading() as connection:
        assert connection.execute(sa.select(opt_ins)).all() == []


def test_another_process_is_left_to_it(mailing: Context, mailbox: Mailbox) -> None:
    ask(mailing)
    with mailing.database.alone("opt-in-channel"):
        assert mail_links(mailing, Hand(NOW)) == 0
    assert not mailbox.taken
