from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest
import trustme

from service.core.addresses import AddressError
from service.core.settings import Settings
from service.mail.smtp import MailError, Sent, Session
from tests.service.mailbox import PASSWORD, USER, Mailbox, free_port, mail_settings, raw, serving
from tests.support.waiting import BOUND

TO = "reader@example.org"
MAIL = b"Subject: one\r\n\r\n.a line that begins with a dot\r\n"


@pytest.fixture
def settings(mailbox: Mailbox, ca_file: Path, tmp_path: Path) -> Settings:
    return mail_settings(tmp_path, mailbox.port, ca_file)


def changed(settings: Settings, **values: Any) -> Settings:
    return Settings(**(settings.model_dump() | values))


def refusal(settings: Settings) -> str:
    with pytest.raises(MailError) as caught, Session(settings) as session:
        session.send(TO, MAIL)
    assert "\n" not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def test_a_mail_arrives_as_it_was_over_starttls_and_a_login(
    mailbox: Mailbox, settings: Settings
) -> None:
    with Session(settings) as session:
        assert session.send(TO, MAIL) == Sent("sent", 250)
        assert session.send(TO, MAIL) == Sent("sent", 250)
    assert mailbox.taken == [(TO, MAIL)] * 2
    assert len(mailbox.logins) == 1, "both over one connection"


def test_tls_from_the_first_byte(authority: trustme.CA, ca_file: Path, tmp_path: Path) -> None:
    with serving(Mailbox(), authority, "tls") as box:
        settings = mail_settings(tmp_path, box.port, ca_file, smtp_security="tls")
        with Session(settings) as session:
            assert session.send(TO, MAIL).state == "sent"


def test_a_certificate_of_another_authority_is_refused(
    mailbox: Mailbox, settings: Settings, tmp_path: Path
) -> None:
    assert "failed the check of TLS" in refusal(changed(settings, smtp_ca_file=None))
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    assert "TLS" in refusal(changed(settings, smtp_ca_file=tmp_path / "other.pem"))
    assert not mailbox.taken and not mailbox.logins


def test_a_certificate_for_another_name_is_refused(
    authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    with serving(Mailbox(), authority, name="mail.example.org") as box:
        assert "failed the check of TLS" in refusal(mail_settings(tmp_path, box.port, ca_file))
    assert not box.taken and not box.logins


def test_nothing_is_sent_when_starttls_is_missing(ca_file: Path, tmp_path: Path) -> None:
    with serving(Mailbox(), None, "none") as box:
        said = refusal(mail_settings(tmp_path, box.port, ca_file))
        assert said.endswith("does not offer STARTTLS, which is required")
        assert not box.taken and not box.logins


def test_a_wrong_password_is_named_by_its_setting(mailbox: Mailbox, settings: Settings) -> None:
    assert "CROSSINGS_SMTP_USER (535)" in refusal(changed(settings, smtp_password="wrong"))
    assert not mailbox.taken


@pytest.mark.parametrize("password", ["pässword", "пароль", "correct \U0001f40e"])
def test_a_password_may_be_of_any_language(
    mailbox: Mailbox, settings: Settings, password: str
) -> None:
    mailbox.password = password
    with Session(changed(settings, smtp_password=password)) as session:
        assert session.send(TO, MAIL).state == "sent"
    assert mailbox.logins == ["PLAIN"]
    assert "CROSSINGS_SMTP_USER (535)" in refusal(changed(settings, smtp_password="pässwort"))


def test_a_server_without_plain_cannot_take_such_a_password(
    mailbox: Mailbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("aiosmtpd.smtp.SMTP.auth_PLAIN")
    said = refusal(changed(settings, smtp_password="pässword"))
    assert said.endswith("does not offer AUTH PLAIN, which is required")


def test_the_password_may_lie_in_a_file(
    mailbox: Mailbox, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "crossings_smtp_password").write_text(f"{PASSWORD}\n")
    monkeypatch.setattr("service.core.settings.FOLDER", tmp_path)
    with Session(Settings(**settings.model_dump(exclude={"smtp_password"}))) as session:
        assert session.send(TO, MAIL).state == "sent"


def test_a_password_does_not_travel_in_the_open(settings: Settings) -> None:
    own = changed(settings, smtp_security="none", smtp_host="mail.example.org", smtp_user=USER)
    with pytest.raises(MailError, match="CROSSINGS_SMTP_SECURITY"):
        Session(own)


@pytest.mark.parametrize("name", ["smtp_host", "mail_from", "public_url"])
def test_what_mail_needs_is_named(name: str, settings: Settings) -> None:
    with pytest.raises(MailError, match=f"^CROSSINGS_{name.upper()}: "):
        Session(changed(settings, **{name: ""}))


@pytest.mark.parametrize(
    ("at", "reply", "state", "code"),
    [
        ("rcpt", "451 4.7.1 greylisted, come back", "later", 451),
        ("rcpt", "550 5.1.1 no such mailbox", "bounced", 550),
        ("rcpt", "421 too busy", "later", 421),
        ("data", "452 4.3.1 no space", "later", 452),
        ("data", "554 5.7.1 not here", "bounced", 554),
        ("sender", "450 slower", "later", 450),
        ("data", "close", "later", None),
        ("data", "stall", "later", None),
    ],
)
def test_one_refusal_does_not_touch_the_next_mail(
    at: str, reply: str, state: str, code: int | None, mailbox: Mailbox, settings: Settings
) -> None:
    if reply == "stall":
        settings = changed(settings, smtp_timeout=10)
    answers = iter([reply])
    setattr(mailbox, at, lambda _: next(answers, None))
    with Session(settings) as session:
        assert session.send(TO, MAIL) == Sent(state, code, at == "data" and code is not None)
        assert session.send("next@example.org", MAIL) == Sent("sent", 250)
    assert mailbox.readers() == ["next@example.org"]


def test_a_sender_that_is_refused_is_nobodys_bounce(mailbox: Mailbox, settings: Settings) -> None:
    mailbox.sender = lambda _: "550 5.7.1 not you\r\n"
    assert "refuses the sender: 550 5.7.1 not you" in refusal(settings)


def test_nobody_answers(settings: Settings) -> None:
    assert "Connection refused" in refusal(changed(settings, smtp_port=free_port()))


def test_a_server_that_says_nothing(settings: Settings) -> None:
    heard = threading.Event()
    with raw(lambda _: heard.wait(BOUND)) as port:
        assert "no answer in time" in refusal(changed(settings, smtp_port=port, smtp_timeout=1))
        heard.set()


def test_a_server_that_closes_at_once(settings: Settings) -> None:
    def close(connection: socket.socket) -> None:
        connection.sendall(b"554 go away\r\n")

    with raw(close) as port:
        assert "554 go away" in refusal(changed(settings, smtp_port=port))
    with raw(lambda _: None) as port:
        assert "cannot be used" in refusal(changed(settings, smtp_port=port))


@pytest.mark.parametrize(
    "to",
    ["a@b.org\r\nRCPT TO:<c@d.org>", "a@b.org\n", "a@b.org,c@d.org", "<a@b.org>", "", "é@b.org"],
)
def test_an_address_is_one_plain_address(to: str, mailbox: Mailbox, settings: Settings) -> None:
    with Session(settings) as session, pytest.raises(AddressError):
        session.send(to, MAIL)
    assert not mailbox.taken and not mailbox.logins


def test_a_long_list_takes_several_connections(mailbox: Mailbox, settings: Settings) -> None:
    with Session(settings) as session:
        for at in range(103):
            assert session.send(f"r{at}@example.org", MAIL).state == "sent"
    assert len(mailbox.logins) == 2
    assert mailbox.readers() == [f"r{at}@example.org" for at in range(103)]


def test_the_pace_is_kept(mailbox: Mailbox, settings: Settings) -> None:
    waited: list[float] = []
    with Session(changed(settings, mail_per_minute=6), waited.append) as session:
        for _ in range(3):
            session.send(TO, MAIL)
    assert len(waited) == 2
    assert 9 < waited[0] <= 10 and 19 < waited[1] <= 20
