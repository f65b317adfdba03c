from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from service.answers.issue_loader import IssueLoader
from service.answers.status import status
from service.core.clock import utc_now
from service.core.job_runner import JobError
from service.core.tables import opt_ins
from service.mail import subscriber_store
from service.mail.sending import mail_links
from service.mail.subscriber_store import Preferences
from tests.service.support import NOW, ManualClock

LINK = re.compile(r"https://forecast\.example\.org/subscribe/confirm/([\w-]{22})\s")


@pytest.fixture
def mailer(mailer):
    """A context with one request for emails."""
    with mailer.database.writing() as connection:
        preferences = Preferences(400, route="channel")
        subscriber_store.save_opt_in(connection, "new@example.org", preferences, NOW)
    return mailer


def get_job(context):
    """The job in the status of the service."""
    jobs = status(IssueLoader(context))["jobs"]
    (job,) = [job for job in jobs if job["job"] == "confirmations"]
    return job


def list_requests(context):
    with context.database.reading() as connection:
        return connection.execute(sa.select(opt_ins)).all()


def test_link_is_mailed_once_and_token_hashed(mailer, mailbox):
    assert mail_links(mailer, ManualClock(NOW)) == 1
    assert mail_links(mailer, ManualClock(NOW)) == 0
    assert mailbox.readers() == ["new@example.org"]
    (token,) = LINK.findall(mailbox.messages()[0].get_content())
    with mailer.database.reading() as connection:
        opt_in = subscriber_store.find_opt_in(connection, token)
    assert opt_in and opt_in.state == "mailed" and opt_in.threshold == 400
    assert token not in str(list_requests(mailer))


@pytest.mark.parametrize(
    ("reply", "wait", "n_sent"),
    [
        ("451 4.7.1 greylisted", dt.timedelta(minutes=3), 1),
        ("550 no such mailbox", dt.timedelta(hours=10), 0),
    ],
)
def test_link_is_mailed_later_if_deferred_but_not_if_refused(mailer, mailbox, reply, wait, n_sent):
    hand = ManualClock(NOW)
    mailbox.rcpt = lambda _: reply
    assert mail_links(mailer, hand) == 0
    mailbox.rcpt = lambda _: None
    assert mail_links(mailer, hand) == 0
    hand.now += wait
    assert mail_links(mailer, hand) == n_sent


def test_failure_is_a_run_and_the_next_try_waits(mailer, mailbox, caplog):
    with mailer.database.writing() as connection:
        for name in ("second", "third"):  # not postponed by the failure of the first
            subscriber_store.save_opt_in(
                connection, f"{name}@example.org", Preferences(400, route="channel"), NOW
            )
        connection.execute(opt_ins.update().values(expires_at=utc_now() + dt.timedelta(days=1)))
    mailbox.sender = lambda _: "550 not you"
    with pytest.raises(JobError, match="refuses the sender"):
        mail_links(mailer, ManualClock(utc_now()))
    mailbox.sender = lambda _: None
    hand = ManualClock(utc_now())
    job = get_job(mailer)
    assert job["last_outcome"] == "failed" and "refuses the sender" in job["last_reason"]
    for minutes, n_sent in ((0, 0), (4, 0), (2, 3)):
        hand.now += dt.timedelta(minutes=minutes)
        assert mail_links(mailer, hand) == n_sent
    job = get_job(mailer)
    assert (job["last_outcome"], job["last_reason"]) == ("done", "3 of 3 sent")
    assert "@example.org" not in caplog.text


def test_failure_is_over_when_no_link_waits(mailer, mailbox):
    mailbox.sender = lambda _: "550 not you"
    with pytest.raises(JobError):
        mail_links(mailer, ManualClock(NOW))
    with mailer.database.writing() as connection:
        connection.execute(opt_ins.delete())
    assert mail_links(mailer, ManualClock(utc_now() + dt.timedelta(minutes=11))) == 0
    assert get_job(mailer)["last_outcome"] == "done"


def test_clock_set_back_does_not_stop_links(mailer, mailbox):
    mailbox.sender = lambda _: "550 not you"
    with pytest.raises(JobError):
        mail_links(mailer, ManualClock(NOW))
    mailbox.sender = lambda _: None
    assert mail_links(mailer, ManualClock(NOW)) == 1


def test_unconfirmed_request_is_deleted(mailer):
    mail_links(mailer, ManualClock(NOW + dt.timedelta(hours=73)))
    assert list_requests(mailer) == []
