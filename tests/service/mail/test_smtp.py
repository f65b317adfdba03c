import threading

import pytest

from service.core.addresses import AddressError
from service.core.settings import Settings
from service.mail import smtp
from service.mail.smtp import MailError, SendResult, Session
from tests.service.mailbox import PASSWORD, Mailbox, mail_settings, run_mail_server
from tests.service.support import free_port
from tests.support.loopback import run_raw_server
from tests.support.waiting import BOUND

TO = "reader@example.org"
MAIL = b"Subject: one\r\n\r\n.a line that begins with a dot\r\n"


@pytest.fixture
def settings(mailbox, ca_file, tmp_path):
    return mail_settings(tmp_path, mailbox.port, ca_file)


def change(settings, **values):
    return Settings(**(settings.model_dump() | values))


def read_error(settings):
    with pytest.raises(MailError) as error, Session(settings) as session:
        session.send(TO, MAIL)
    message = str(error.value)
    assert "\n" not in message
    assert PASSWORD not in message
    return message


def test_emails_share_a_starttls_connection(mailbox, settings):
    with Session(settings) as session:
        assert session.send(TO, MAIL) == SendResult("sent", 250)
        assert session.send(TO, MAIL) == SendResult("sent", 250)
    assert mailbox.taken == [(TO, MAIL)] * 2
    assert len(mailbox.logins) == 1


@pytest.mark.parametrize("security", ["tls", "none"])
def test_email_is_sent_without_starttls(security, authority, ca_file, tmp_path):
    login = {"tls": ca_file, "none": None}[security]
    with run_mail_server(Mailbox(), authority, security) as box:
        settings = mail_settings(tmp_path, box.port, login, smtp_security=security)
        with Session(settings) as session:
            assert session.send(TO, MAIL).state == "sent"


def test_certificate_of_unknown_authority_or_name_is_rejected(
    mailbox, settings, authority, ca_file, tmp_path
):
    assert "certificate verify failed" in read_error(change(settings, smtp_ca_file=None))
    with run_mail_server(Mailbox(), authority, name="mail.example.org") as box:
        assert "IP address mismatch" in read_error(mail_settings(tmp_path, box.port, ca_file))
    assert not [*mailbox.taken, *mailbox.logins, *box.taken, *box.logins]


def test_missing_starttls_is_an_error(ca_file, tmp_path):
    with run_mail_server(Mailbox(), None, "none") as box:
        error = read_error(mail_settings(tmp_path, box.port, ca_file))
        assert error.endswith("cannot be used: STARTTLS extension not supported by server.")
        assert not box.taken and not box.logins


@pytest.mark.parametrize("password", [PASSWORD, "pässword", "correct \U0001f40e"])
def test_password_may_be_unicode_and_must_be_right(mailbox, settings, password):
    mailbox.password = password
    with Session(change(settings, smtp_password=password)) as session:
        assert session.send(TO, MAIL).state == "sent"
    wrong = change(settings, smtp_password=f"{password}s")
    assert "Authentication credentials invalid" in read_error(wrong)


def test_unicode_password_requires_auth_plain(settings, monkeypatch):
    monkeypatch.delattr("aiosmtpd.smtp.SMTP.auth_PLAIN")
    assert "needs AUTH PLAIN" in read_error(change(settings, smtp_password="pässword"))


def test_setting_that_prevents_mail_is_named(settings):
    unencrypted = change(settings, smtp_security="none", smtp_host="mail.example.org")
    with pytest.raises(MailError, match="CROSSINGS_SMTP_SECURITY"):
        Session(unencrypted)
    Session(change(unencrypted, smtp_user=""))  # it has no password to send
    with pytest.raises(MailError, match=r"^CROSSINGS_MAIL_FROM: "):
        Session(change(settings, mail_from=""))


@pytest.mark.parametrize(
    ("command", "reply", "state", "code"),
    [
        ("rcpt", "451 4.7.1 greylisted", "later", 451),
        ("rcpt", "550 5.1.1 no such mailbox", "bounced", 550),
        ("rcpt", "421 too busy", "later", 421),
        ("rcpt", "251 2.1.5 forwarded", "sent", 250),
        ("data", "452 4.3.1 no space", "later", 452),
        ("data", "554 5.7.1 not here", "bounced", 554),
        ("sender", "450 slower", "later", 450),
        ("data", "close", "later", None),
        ("data", "stall", "later", None),
    ],
)
def test_email_is_sent_after_another_reply(command, reply, state, code, mailbox, settings):
    replies = iter([reply])
    setattr(mailbox, command, lambda _: next(replies, None))
    with Session(settings) as session:
        if reply == "stall":
            mailbox.data = lambda to: reply if to == TO else None
            connection = session.open().sock
            connection.settimeout(1)  # this one only: the next email uses a new connection
        assert session.send(TO, MAIL) == SendResult(state, code)
        assert session.send("next@example.org", MAIL) == SendResult("sent", 250)
    assert mailbox.readers() == [*([TO] if state == "sent" else []), "next@example.org"]


def test_refused_sender_is_an_error_not_a_bounce(mailbox, settings):
    mailbox.sender = lambda _: "550 5.7.1 not you\r\n"
    assert "refuses the sender: 550 5.7.1 not you" in read_error(settings)


def test_unusable_server_is_an_error(settings):
    assert "Connection refused" in read_error(change(settings, smtp_port=free_port()))
    with run_raw_server(
        lambda connection: connection.sendall(b"554-go\x1b[2J\r\n554 away\r\n")
    ) as port:
        assert r"cannot be used: 554 go\x1b[2J away" in read_error(change(settings, smtp_port=port))
    done = threading.Event()
    with run_raw_server(lambda _: done.wait(BOUND)) as port:
        assert "timed out" in read_error(change(settings, smtp_port=port, smtp_timeout=1))
        done.set()


def test_invalid_address_is_rejected(mailbox, settings):
    with Session(settings) as session, pytest.raises(AddressError):
        session.send("a@b.org\r\nRCPT TO:<c@d.org>", MAIL)
    assert not mailbox.taken and not mailbox.logins


def test_sending_rate_is_limited(settings, monkeypatch):
    waits = []
    monkeypatch.setattr(smtp, "sleep", waits.append)
    with Session(change(settings, mail_per_minute=6)) as session:
        for _ in range(3):
            session.send(TO, MAIL)
    assert len(waits) == 2
    assert 9 < waits[0] <= 10 and 19 < waits[1] <= 20
