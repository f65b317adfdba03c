import datetime as dt
import random
import re
import signal
import subprocess
import time
from collections import Counter

import pytest
import sqlalchemy as sa

from service.answers.issue_loader import IssueLoader
from service.answers.status import status
from service.core.clock import utc_now
from service.core.context import open_context
from service.core.job_runner import JobError
from service.core.tables import opt_ins
from service.mail import sending, subscriber_store
from service.mail.delivery_store import BOUNCES
from service.mail.edition import iso_week
from service.mail.sending import mail_links
from service.mail.subscriber_store import Preferences
from service.mail.weekly import digest
from tests.service.mailbox import (
    ALWAYS_DUE,
    PASSWORD,
    WEEK,
    Mailbox,
    add_readers,
    count_deliveries,
    list_readers,
    mail_settings,
    publish_sample,
    run_mail_server,
)
from tests.service.support import NOW, ROOT, ROUTE, ManualClock, command, environment
from tests.support.waiting import PROCESS, wait_until

LINK = re.compile(r"https://forecast\.example\.org/subscribe/confirm/([\w-]{22})\s")
MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)

pytestmark = pytest.mark.usefixtures("plain_chart")


@pytest.mark.parametrize(
    ("readers", "kills"),
    [
        (40, 1),
        pytest.param(1000, 50, marks=pytest.mark.long),
    ],
)
def test_killed_run_loses_and_repeats_no_email(readers, kills, tmp_path, ca_file, authority):
    """Kill the sending process at random moments until everything is sent."""
    rng = random.Random(readers)
    names = [f"reader{at}@reader.example.org" for at in range(readers)]
    with run_mail_server(Mailbox(), authority) as box:
        settings = mail_settings(tmp_path, box.port, ca_file, **ALWAYS_DUE)
        context = open_context(settings)
        # The process uses the real clock, so the forecast must extend beyond today.
        publish_sample(context, ROUTE.day(utc_now()) - dt.timedelta(days=2))
        add_readers(context, *names)
        given = settings.model_dump(exclude_defaults=True) | {"smtp_password": PASSWORD}
        env = environment(**given, log_level="ERROR")
        for remaining in range(kills, 0, -1):
            child = subprocess.Popen(command("digest"), env=env, cwd=ROOT, stdout=subprocess.PIPE)
            already = len(box.taken)
            number = already + rng.randrange(1, max(2 * (readers - already) // (remaining + 1), 2))

            def has_received(number=number, child=child):
                return len(box.taken) >= number or child.poll() is not None

            wait_until(has_received, "mails come", 0.001)
            time.sleep(rng.random() * 0.02)
            child.send_signal(signal.SIGKILL)
            child.wait()
            child.stdout.close()
        subprocess.run(command("digest"), env=env, cwd=ROOT, check=True, timeout=PROCESS)
        ids = [message["Message-ID"] for message in box.messages()]
        received = Counter(zip(box.readers(), ids, strict=True))
        context.database.close()
    assert {to for to, _ in received} == {*names}, "no email is lost"
    assert len(received) == readers, "each email has one id"
    assert sum(received.values()) - readers <= kills, "only those in flight at a kill come twice"
    assert max(received.values()) <= 2


@pytest.mark.parametrize(
    ("names", "command", "code"),
    [("abcdefgh", "data", 554), ("ab", "rcpt", 550), ("abc", "rcpt", 450)],
)
def test_mail_refused_for_every_reader_suspends_nobody(mailer, mailbox, hand, names, command, code):
    """The run stops after 5 readers, each week; all get the email once the fault is repaired."""
    add_readers(mailer, *names)
    refused = []

    def refuse(address):
        refused.append(address)
        return f"{code} not from you"

    setattr(mailbox, command, refuse)
    n_refused = min(len(names), 5)
    for _ in range(BOUNCES + 1):
        hand.now += 7 * DAY
        refused.clear()
        with pytest.raises(JobError, match=rf"none of the last {n_refused} emails \({code}\)"):
            digest(mailer, clock=hand)
        assert len(refused) == n_refused
    week = iso_week(mailer.route, hand.now)
    counts = count_deliveries(mailer, week)
    assert counts.pop("later") == n_refused
    assert sum(counts.values()) == counts.get("waiting", 0) == len(names) - n_refused
    assert {one.state for one in list_readers(mailer)} == {"active"}
    setattr(mailbox, command, lambda _: None)
    hand.now += 6 * MINUTE
    assert digest(mailer, clock=hand).reason == f"{week}: {len(names)} sent"


def test_refusal_of_some_readers_bounces(mailer, mailbox, hand, caplog):
    """Even if they come first and are too many for one run: the next begins with the others."""
    add_readers(mailer, *"abcdefgh", "z")
    mailbox.rcpt = lambda a: None if a[0] == "z" else "550 no such mailbox"
    with pytest.raises(JobError, match=r"none of the last 5 emails \(550\)"):
        digest(mailer, clock=hand)
    for result in ("5 bounced, 3 later, 1 sent", "3 bounced"):
        hand.now += 6 * MINUTE
        assert digest(mailer, clock=hand).reason == f"{WEEK}: {result}"
    assert len(mailbox.taken) == 1
    assert "bounced" in caplog.text and "example.org" not in caplog.text


def test_unanswered_emails_end_the_run_but_not_the_refusal_of_a_lone_reader(mailer, mailbox, hand):
    add_readers(mailer, "a")
    mailbox.rcpt = lambda _: "550 no such mailbox"
    assert digest(mailer, clock=hand).reason == f"{WEEK}: 1 later"
    hand.now += 7 * DAY
    add_readers(mailer, *"bcdefghi")
    mailbox.data = lambda a: None if a[0] == "b" else "close"
    mailbox.rcpt = lambda a: "550 no such mailbox" if a[0] == "c" else None
    with pytest.raises(JobError, match=r"none of the last 5 emails \(no answer\)"):
        digest(mailer, clock=hand)
    counts = {"bounced": 1, "later": 6, "sent": 1, "waiting": 1}
    assert count_deliveries(mailer, "2026-W02") == counts


def test_pauses_grow_to_six_hours():
    pauses = [sending._pause(attempts) / MINUTE for attempts in (0, 1, 2, 3, 4, 5, 1000)]
    assert pauses == [5, 15, 45, 135, 360, 360, 360]


@pytest.fixture
def asked(mailer):
    """A context with one request for emails."""
    ask(mailer, "new")
    return mailer


def ask(context, *names):
    with context.database.writing() as connection:
        for name in names:
            preferences = Preferences(400, route="channel")
            subscriber_store.save_opt_in(connection, f"{name}@example.org", preferences, NOW)


def get_job(context):
    """The job in the status of the service."""
    jobs = status(IssueLoader(context))["jobs"]
    (job,) = [job for job in jobs if job["job"] == "confirmations"]
    return job["last_outcome"], job["last_reason"]


def list_requests(context):
    with context.database.reading() as connection:
        return connection.execute(sa.select(opt_ins)).all()


def fail(context, mailbox, now=NOW):
    """Let a run fail at the sender; the server then accepts it again."""
    mailbox.sender = lambda _: "550 not you"
    with pytest.raises(JobError, match="refuses the sender"):
        mail_links(context, ManualClock(now))
    mailbox.sender = lambda _: None


def test_link_is_mailed_once_and_token_hashed(asked, mailbox):
    assert [mail_links(asked, ManualClock(NOW)) for _ in range(2)] == [1, 0]
    assert mailbox.readers() == ["new@example.org"]
    (token,) = LINK.findall(mailbox.messages()[0].get_content())
    with asked.database.reading() as connection:
        opt_in = subscriber_store.find_opt_in(connection, token, NOW)
    assert opt_in.threshold == 400
    assert token not in str(list_requests(asked))
    mail_links(asked, ManualClock(NOW + 2 * DAY))
    assert list_requests(asked) == [], "not confirmed"


@pytest.mark.parametrize(
    ("reply", "n_sent"), [("451 4.7.1 greylisted", 1), ("550 no such mailbox", 0)]
)
def test_link_is_mailed_later_if_deferred_but_not_if_refused(asked, mailbox, hand, reply, n_sent):
    """Deferred twice, it waits 5 and then 15 minutes."""
    hand.now = NOW
    mailbox.rcpt = lambda _: reply
    assert mail_links(asked, hand) == 0
    hand.now += 5 * MINUTE
    assert mail_links(asked, hand) == 0
    mailbox.rcpt = lambda _: None
    for minutes, expected in ((14, 0), (1, n_sent)):
        hand.now += minutes * MINUTE
        assert mail_links(asked, hand) == expected


def test_failure_is_a_run_and_the_next_try_waits(asked, mailbox, hand, caplog):
    ask(asked, "second", "third")  # not postponed by the failure of the first
    with asked.database.writing() as connection:
        connection.execute(opt_ins.update().values(expires_at=utc_now() + DAY))
    fail(asked, mailbox, utc_now())
    hand.now = utc_now()
    outcome, reason = get_job(asked)
    assert outcome == "failed" and "refuses the sender" in reason
    for minutes, n_sent in ((0, 0), (4, 0), (2, 3)):
        hand.now += minutes * MINUTE
        assert mail_links(asked, hand) == n_sent
    assert get_job(asked) == ("done", "3 of 3 sent")
    assert "@example.org" not in caplog.text


def test_clock_set_back_does_not_stop_links(asked, mailbox):
    fail(asked, mailbox)
    assert mail_links(asked, ManualClock(NOW)) == 1
