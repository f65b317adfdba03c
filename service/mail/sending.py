"""Send editions, each email claimed first, and confirmation links."""

__all__ = ["GIVE_UP", "Clock", "failed_recently", "mail_links", "run_exclusively", "send_edition"]

import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from email.message import EmailMessage

from service.answers.errors import NoAnswer
from service.core import addresses, run_store
from service.core.clock import utc_now
from service.core.context import Context
from service.core.database import Connection
from service.core.job_runner import JobError, Outcome, run_job
from service.core.run_store import Claim
from service.mail import delivery_store, subscriber_store
from service.mail.delivery_store import Due, Edition
from service.mail.render import confirmation_message
from service.mail.smtp import MailError, SendResult, Session, require_settings
from service.mail.subscriber_store import OptIn

GIVE_UP = dt.timedelta(days=5)  # RFC 5321, section 4.5.4.1
_RETRY_FIRST, _RETRY_MOST = dt.timedelta(minutes=5), dt.timedelta(hours=6)
_LINK_RETRY = dt.timedelta(minutes=2)
_SILENT_MOST = 3  # consecutive emails without an answer from the server
_REFUSED_MOST, _DOMAINS = 5, 3  # refusals, and domains, that end a run: the server is at fault
_log = logging.getLogger(__name__)
Clock = Callable[[], dt.datetime]
Message = Callable[[Due], EmailMessage]
Result = tuple[Due, SendResult]


def run_exclusively(context: Context, job: str, work: Callable[[], Outcome]) -> Outcome:
    """Do `work` as a run of `job`, unless another process is running it.

    Raises `JobError` if mail cannot be sent at present; emails already sent stay sent.
    """

    def claimed(_: Claim) -> Outcome:
        try:
            require_settings(context.settings)
            with context.database.try_lock(f"{job}-{context.route.name}") as is_held:
                return work() if is_held else Outcome("skipped", "another process is sending")
        except (MailError, NoAnswer) as error:
            raise JobError(str(error)) from error

    return run_job(context, job, claimed)


def failed_recently(connection: Connection, job: str, now: dt.datetime, route: str) -> bool:
    """Whether the job of `route` failed so recently that it should wait."""
    failed = _last_failure(connection, job, route)
    # A run that began in the future was recorded before the clock was set back.
    return failed is not None and dt.timedelta() <= now - failed.started_at < _RETRY_FIRST


def _last_failure(connection: Connection, job: str, route: str) -> run_store.Run | None:
    """Return the last run of the job if it failed."""
    last = run_store.get_latest_run(connection, job, route=route)
    return last if last and last.outcome == "failed" else None


def send_edition(
    context: Context, edition: Edition, message: Message, clock: Clock, at_once: bool = False
) -> Outcome:
    """Send the due emails of an edition, with `at_once` also those that wait for their next try.

    `message` creates the email of one reader.

    Refusals are held back until the server accepts an email; then they are the recipients' fault.
    Otherwise they may mean that it rejects our mail in general, and must not count towards a
    suspension: such emails are retried.

    Raises `MailError` if it refuses or defers our mail in general.
    """
    with context.database.reading() as connection:
        until = clock() + (_RETRY_MOST if at_once else dt.timedelta())
        waiting = delivery_store.list_due(connection, edition, until)
        counts = delivery_store.count_emails(connection, edition.period, edition.route)
    done: Counter[str] = Counter()

    def record(*results: Result) -> None:
        done.update(
            [
                _record(context, edition.period, delivery, sent, clock())
                for delivery, sent in results
            ]
        )

    refusals, deferrals = list[Result](), list[Result]()  # until it accepts an email
    is_accepting, fault = False, ""
    try:
        with closing(_send_each(context, edition.period, message, waiting, clock)) as results:
            for delivery, sent in results:
                if sent.state == "bounced" and not is_accepting:
                    refusals.append((delivery, sent))
                    if len(refusals) >= _REFUSED_MOST and _is_general(refusals, _DOMAINS):
                        break
                    continue
                if sent.state == "sent":
                    is_accepting = True
                    record(*refusals)
                    refusals.clear()
                    deferrals.clear()
                elif not is_accepting and "sent" not in counts:  # else it defers only some readers
                    deferrals.append((delivery, sent))
                record((delivery, sent))
    finally:
        # Of the whole run none was accepted.
        is_general = _is_general(refusals, 2) or _count_domains([*refusals, *deferrals]) >= 2
        if refusals and is_general:
            fault = _fault("rejects our emails in general", refusals)
            refusals = [(delivery, replace(sent, state="later")) for delivery, sent in refusals]
        elif _count_domains(deferrals) >= 2:
            fault = _fault("accepts none of our emails at present", deferrals)
            fault += f"; each is retried for {GIVE_UP.days} days"
        record(*refusals)
    if fault:
        raise MailError(fault)
    summary = ", ".join(f"{number} {state}" for state, number in sorted(done.items()))
    with context.database.reading() as connection:
        counts = delivery_store.count_emails(connection, edition.period, edition.route)
    reason = f"{edition.period}: {summary or 'nobody to send to'}"
    return Outcome("done", reason, {"period": edition.period} | counts)


def _is_general(refusals: Sequence[Result], least: int) -> bool:
    """Whether the server rejects our mail in general: its content, or `least` domains.

    One domain may be gone.
    """
    if all(sent.of_content for _, sent in refusals):
        return True
    return _count_domains(refusals) >= least


def _count_domains(results: Iterable[Result]) -> int:
    return len({addresses.domain_of(delivery.address) for delivery, _ in results})


def _fault(what: str, results: Sequence[Result]) -> str:
    code = results[-1][1].code or "no answer"
    readers = "1 reader" if len(results) == 1 else f"{len(results)} readers"
    return f"the SMTP server {what}, for {readers} ({code})"


def _send_each(
    context: Context, period: str, message: Message, waiting: Iterable[Due], clock: Clock
) -> Generator[Result, None, None]:
    """Send emails one by one, claiming each first."""
    n_silent = 0
    with Session(context.settings) as session:
        for delivery in waiting:
            with context.database.writing() as connection:
                if not delivery_store.claim_email(connection, period, delivery, clock()):
                    continue
            try:
                sent = session.send(delivery.address, message(delivery).as_bytes())
            except MailError:
                _record(context, period, delivery, SendResult("later", None), clock())
                raise
            yield delivery, sent
            n_silent = n_silent + 1 if sent.code is None else 0
            if n_silent == _SILENT_MOST:
                raise MailError(f"the SMTP server left {n_silent} emails in a row unanswered")


def _record(
    context: Context, period: str, delivery: Due, sent: SendResult, now: dt.datetime
) -> str:
    """Record the result of an email; return a description without personal data."""
    state, next_at = sent.state, now
    if state == "later":
        next_at = now + min(_RETRY_FIRST * 3 ** min(delivery.attempts, 10), _RETRY_MOST)
        if next_at - (delivery.began_at or now) > GIVE_UP:
            state = "given up"
    with context.database.writing() as connection:
        suspended = delivery_store.finish_email(
            connection, period, delivery, state, sent.code, now, next_at
        )
    if state != "sent":
        why = "no answer" if sent.code is None else f"code {sent.code}"
        _log.warning(
            "mail of %s to subscriber %s: %s, %s", period, delivery.subscriber_id, state, why
        )
    if suspended:
        _log.warning("subscriber %s is suspended: their email bounces", delivery.subscriber_id)
    return state


def mail_links(context: Context, clock: Clock = utc_now) -> int:
    """Mail a link to everyone who requested the route and has none; return the number sent.

    A link that may or may not have arrived is not sent twice: a new one replaces it. Sending
    links is a run of ``confirmations``; after a failed run the next one waits. Once no links are
    left, a failed run is followed by one that says so.
    """
    route = context.route.name
    with context.database.try_lock(f"opt-in-{route}") as is_held:
        if not is_held:
            return 0
        with context.database.writing() as connection:
            opt_ins = subscriber_store.list_due_opt_ins(connection, clock(), route)
            is_paused = failed_recently(connection, "confirmations", clock(), route)
            failed = _last_failure(connection, "confirmations", route)
        if is_paused or not (opt_ins or failed):
            return 0

        def work(_: Claim) -> Outcome:
            if not opt_ins:
                return Outcome("done", "no links are waiting to be sent", {"sent": 0})
            try:
                with Session(context.settings) as session:
                    sent = [_mail_link(context, session, one, clock()) for one in opt_ins]
            except MailError as error:
                raise JobError(str(error)) from error
            return Outcome("done", f"{sum(sent)} of {len(sent)} sent", {"sent": sum(sent)})

        return int(run_job(context, "confirmations", work).detail["sent"])


def _mail_link(context: Context, session: Session, opt_in: OptIn, now: dt.datetime) -> bool:
    with context.database.writing() as connection:
        token = subscriber_store.create_token(connection, opt_in)
    if token is None:  # requested again meanwhile
        return False
    message = confirmation_message(context, opt_in.address, opt_in, token, now)
    try:
        sent = session.send(opt_in.address, message.as_bytes())
    except MailError:
        _postpone(context, opt_in, SendResult("later", None), now)
        raise
    _postpone(context, opt_in, sent, now)
    return sent.state == "sent"


def _postpone(context: Context, opt_in: OptIn, sent: SendResult, now: dt.datetime) -> None:
    state = {"sent": "mailed", "later": "asked", "bounced": "refused"}[sent.state]
    wait = _LINK_RETRY * 2 ** min(opt_in.attempts, 8)
    with context.database.writing() as connection:
        subscriber_store.postpone_opt_in(connection, opt_in, state, now + wait)
    if state != "mailed":
        _log.warning("link of request %s: %s, code %s", opt_in.opt_in_id, sent.state, sent.code)
