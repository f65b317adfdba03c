"""Send the mails of an edition: each claimed before it is sent, resumed after a crash."""

from __future__ import annotations

__all__ = ["GIVE_UP", "Clock", "failed_lately", "send", "within"]

import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from email.message import EmailMessage

from service.answers.errors import NoAnswer
from service.core import run_store
from service.core.context import Context
from service.core.database import Connection
from service.core.job_runner import JobError, Outcome
from service.mail import delivery_store
from service.mail.delivery_store import Due, Edition
from service.mail.render import serialise
from service.mail.smtp import MailError, Sent, Session, require_settings
from service.mail.smtp_refusals import Refusals

GIVE_UP = dt.timedelta(days=5)  # RFC 5321, section 4.5.4.1
_RETRY_FIRST, _RETRY_MOST = dt.timedelta(minutes=5), dt.timedelta(hours=6)
_PAUSE = dt.timedelta(minutes=10)
_SILENT_MOST = 3  # mails in a row that the server leaves without an answer
_log = logging.getLogger(__name__)
Clock = Callable[[], dt.datetime]
Message = Callable[[Due], EmailMessage]


def within(context: Context, job: str, work: Callable[[], Outcome]) -> Outcome:
    """Do `work` unless another process is at it.

    Raises
    ------
    JobError
        When mail cannot be sent as things stand; what is sent stays sent.
    """
    try:
        require_settings(context.settings)
        with context.database.alone(job) as held:
            return work() if held else Outcome("skipped", "another process is sending")
    except (MailError, NoAnswer) as error:
        raise JobError(str(error)) from error


def failed_lately(connection: Connection, job: str, now: dt.datetime) -> bool:
    """Whether the job failed so short a time ago that it should wait."""
    last = run_store.latest(connection, job)
    return bool(last and last.outcome == "failed" and now - last.started_at < _PAUSE)


def send(context: Context, edition: Edition, message: Message, clock: Clock) -> Outcome:
    """Send the mails of an edition that are due.

    Parameters
    ----------
    message : callable
        Makes the mail of one reader.

    Raises
    ------
    MailError
        When mail cannot be sent as things stand.
    """
    with context.database.reading() as connection:
        waiting = delivery_store.due(connection, edition, clock())
    done: Counter[str] = Counter()

    def record(results: Iterable[tuple[Due, Sent]]) -> None:
        done.update([_record(context, edition.period, one, sent, clock()) for one, sent in results])

    refusals = Refusals()
    try:
        with closing(_sent(context, edition.period, message, waiting, clock)) as results:
            for one, sent in results:
                record(refusals.settle(one, sent))
                if refusals.is_systematic:
                    break
    finally:
        left, fault = refusals.end()
        record(left)
    if fault:
        raise MailError(fault)
    summary = ", ".join(f"{number} {state}" for state, number in sorted(done.items()))
    with context.database.reading() as connection:
        standing = delivery_store.counts(connection, edition.period)
    reason = f"{edition.period}: {summary or 'nobody to send to'}"
    return Outcome("done", reason, {"period": edition.period} | standing)


def _sent(
    context: Context, period: str, message: Message, waiting: Iterable[Due], clock: Clock
) -> Generator[tuple[Due, Sent], None, None]:
    """Send one mail after the other, each claimed before."""
    silent = 0
    with Session(context.settings) as session:
        for one in waiting:
            with context.database.writing() as connection:
                if not delivery_store.begin(connection, period, one, clock()):
                    continue
            try:
                sent = session.send(one.address, serialise(message(one)))
            except MailError:
                _record(context, period, one, Sent("later", None), clock())
                raise
            yield one, sent
            silent = silent + 1 if sent.code is None else 0
            if silent == _SILENT_MOST:
                raise MailError(f"the SMTP server left {silent} mails in a row without an answer")


def _record(context: Context, period: str, one: Due, sent: Sent, now: dt.datetime) -> str:
    """Record what became of a mail, and say so without saying whose it was."""
    state, next_at = sent.state, now
    if state == "later":
        wait = min(_RETRY_FIRST * 3 ** min(one.attempts, 10), _RETRY_MOST)
        next_at = now + wait
        if next_at - (one.began_at or now) > GIVE_UP:
            state = "given up"
    with context.database.writing() as connection:
        suspended = delivery_store.end(connection, period, one, state, sent.code, now, next_at)
    if state != "sent":
        why = "no answer" if sent.code is None else f"code {sent.code}"
        _log.warning("mail of %s to subscriber %s: %s, %s", period, one.subscriber_id, state, why)
    if suspended:
        _log.warning("subscriber %s is suspended: the mail bounces", one.subscriber_id)
    return state
