"""An SMTP server that stores emails, and fails on request."""

import asyncio
import datetime as dt
import email
import email.policy
import random
import ssl
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from service.core.settings import Settings
from service.mail import delivery_store, subscriber_store
from service.mail.subscriber_store import Preferences
from tests.service.stored_figures import Figure, store_as_documents
from tests.service.support import (
    NOW,
    ROUTE,
    declare_quick_models,
    free_port,
    publish,
    random_paths,
    record_run,
    utc,
)
from tests.support.waiting import BOUND

USER, PASSWORD = "sender", "correct horse"
FRIDAY, WEEK = utc(2026, 1, 2, 16), "2026-W01"
"""When the weekly email of `publish_sample` is due, and its week."""

ALWAYS_DUE = {"digest_day": "mon", "digest_time": "00:00"}
"""Settings by which the email of the current week is due on any day."""


@dataclass
class Mailbox:
    """Received emails in order; `sender`, `rcpt` and `data` return a reply to send instead."""

    taken: list[tuple[str, bytes]] = field(default_factory=list)
    rcpt: Callable[[str], str | None] = lambda _: None
    data: Callable[[str], str | None] = lambda _: None
    sender: Callable[[str], str | None] = lambda _: None
    logins: list[str] = field(default_factory=list)
    password: str = PASSWORD
    port: int = 0

    async def handle_MAIL(self, server, session, envelope, address, options):
        reply = self.sender(address)
        if not reply:
            envelope.mail_from = address
        return reply or "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = self.rcpt(address)
        if not reply or reply.startswith("25"):
            envelope.rcpt_tos.append(address)
        return reply or "250 OK"

    async def handle_DATA(self, server, session, envelope):
        (to,) = envelope.rcpt_tos  # one transaction per recipient
        reply = self.data(to)
        if reply == "stall":
            await asyncio.Event().wait()  # never answers
        if reply == "close":
            server.transport.abort()
            return "451 gone"
        if not reply:
            self.taken.append((to, bytes(envelope.content)))
        return reply or "250 OK"

    def messages(self):
        return [
            email.message_from_bytes(content, policy=email.policy.default)
            for _, content in self.taken
        ]

    def readers(self):
        return [to for to, _ in self.taken]


@contextmanager
def run_mail_server(mailbox, authority=None, security="starttls", name="127.0.0.1"):
    """Run a server for `mailbox`; its certificate, for `name`, is issued by `authority`."""
    context = None
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)

    def check(server, session, envelope, how, who):
        expected = (USER.encode(), mailbox.password.encode())
        good = isinstance(who, LoginPassword) and (who.login, who.password) == expected
        mailbox.logins.append(how)
        return AuthResult(success=good, handled=False)

    of_security = {
        "starttls": {"tls_context": context, "require_starttls": True, "auth_required": True},
        "tls": {"ssl_context": context, "auth_require_tls": False},
        "none": {},
    }
    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=free_port(),
        ready_timeout=BOUND,
        authenticator=check,
        data_size_limit=400_000,
        **of_security[security],
    )
    controller.start()
    mailbox.port = controller.port
    try:
        yield mailbox
    finally:
        controller.stop()


def read_body(message, kind="plain"):
    """The text or the HTML of an email."""
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def mail_settings(folder, port, ca_file=None, **more):
    """Settings for the server on `port`, with STARTTLS if there is a `ca_file`."""
    given = {
        "var_dir": folder / "var",
        "models_dir": declare_quick_models(folder / "models"),
        "paths": 100,
        "horizon": 28,
        "public_url": "https://forecast.example.org",
        "anonymous_reading": "yes",
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_timeout": BOUND,
        "mail_from": "Channel forecast <digest@forecast.example.org>",
        "mail_per_minute": 60_000,
    }
    if ca_file:
        given |= {"smtp_ca_file": ca_file, "smtp_user": USER, "smtp_password": PASSWORD}
    else:
        given |= {"smtp_security": "none"}
    return Settings(**(given | more))


def publish_sample(context, last=dt.date(2025, 12, 31), seed=0):
    """Store figures up to `last`, and an issue published two days later."""
    rng = random.Random(seed)
    first = last - dt.timedelta(days=799)
    with context.database.writing() as connection:
        figures = [
            Figure(name, first + dt.timedelta(days=at), rng.choice([0, rng.randrange(top)]), "")
            for name, top in (("people", 600), ("boats", 12))
            for at in range(800)
        ]
        store_as_documents(connection, ROUTE, figures, issue_time(last), assume_known=True)
    publish_issue(context.database, last, seed)


def publish_issue(database, last, seed=0):
    """Publish an issue of people and boats that starts after `last`."""
    run_id = record_run(database, f"{last} {seed}", issue_time(last))
    start = str(last + dt.timedelta(days=1))
    for series_id in ("people", "boats"):
        paths = {"climatology": random_paths(start, 90, 100, seed)}
        publish(database, paths, run_id, issue_time(last), series_id)


def issue_time(last):
    return dt.datetime.combine(last + dt.timedelta(days=2), dt.time(12), dt.UTC)


def add_readers(context, *names, threshold=300, now=NOW, route="channel", **more):
    """Subscribe addresses, or names at one domain."""
    preferences = Preferences(threshold, route=route, **more)
    with context.database.writing() as connection:
        for name in names:
            address = name if "@" in name else f"{name}@reader.example.org"
            subscriber_store.add_subscriber(connection, address, preferences, now)


def list_readers(context):
    """The subscribers, in order of joining."""
    with context.database.reading() as connection:
        return subscriber_store.list_subscribers(connection)


def count_deliveries(context, week=WEEK):
    with context.database.reading() as connection:
        return delivery_store.count_emails(connection, week, "channel")
