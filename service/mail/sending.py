"""Send editions, each email claimed first, and confirmation links."""

__all__ = ["Clock", "failed_recently", "mail_links", "run_exclusively", "send_edition"]

import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable
from email.message import EmailMessage

from service.answers.errors import NoAnswer
from service.core import run_store
from service.core.clock import utc_now
from service.core.context import Context
from service.core.database import Connection
from service.core.job_runner import JobError, Outcome, run_job
from service.core.locks import try_lock
from service.core.run_store import Claim
from service.mail import delivery_store, subscriber_store
from service.mail.delivery_store import Due, Edition
from service.mail.render import confirmation_message
from service.mail.smtp import MailError, SendResult, Session
from service.mail.subscriber_store import OptIn

_RETRY_FIRST, _RETRY_MOST = dt.timedelta(minutes=5), dt.timedelta(hours=6)
_FAILED_MOST = 5  # consecutive failures of the server that end a run
_log = logging.getLogger(__name__)
Clock = Callable[[], dt.datetime]


def run_exclusively(context: Context, job: str, work: Callable[[Session], Outcome]) -> Outcome:
    """Do `work` as a run of `job`, unless another process is running it.

    Raises `JobError` if mail cannot be sent at present; emails already sent stay sent.
    """

    def claimed(_: Claim) -> Outcome:
        lock = try_lock(context.database, f"{job}-{context.route.name}")
        try:
            with Session(context.settings) as session, lock as is_held:
                if not is_held:
                    return Outcome("skipped", "another process is sending")
                return work(session)
        except (MailError, NoAnswer) as error:
            raise JobError(str(error)) from error

    return run_job(context, job, claimed)


def failed_recently(connection: Connection, job: str, now: dt.datetime, route: str) -> bool:
    """Whether the job of `route` failed so recently that it should wait."""
    last = run_store.get_latest_run(connection, job, route=route)
    if last is None or last.outcome != "failed":
        return False
    # A run that began in the future was recorded before the clock was set back.
    return dt.timedelta() <= now - last.started_at < _RETRY_FIRST


def send_edition(
    context: Context,
    session: Session,
    edition: Edition,
    message: Callable[[Due], EmailMessage],
    clock: Clock,
    at_once: bool,
) -> Outcome:
    """Send the due emails of an edition, with `at_once` also those that wait for their next try.

    A refusal counts as a bounce once the server has accepted another email of the edition. Until
    then the server may refuse all, so the email is tried again.

    Raises `MailError` if the server accepts none of several emails.
    """
    with context.database.reading() as connection:
        until = clock() + (_RETRY_MOST if at_once else dt.timedelta())
        due = delivery_store.list_due(connection, edition, until)
        counts = delivery_store.count_emails(connection, edition.period, edition.route)
    is_accepting, n_failed = "sent" in counts, 0
    done: Counter[str] = Counter()
    for email in due:
        session.open()  # a server that cannot be reached costs no attempt
        with context.database.writing() as connection:
            if not delivery_store.claim_email(connection, email, clock()):
                continue
        sent = session.send(email.address, message(email).as_bytes())
        if sent.state == "sent":
            is_accepting, n_failed = True, 0
        elif sent.code is None or not is_accepting:
            sent, n_failed = SendResult("later", sent.code), n_failed + 1
        done[_record(context, email, sent, clock())] += 1
        if n_failed == _FAILED_MOST:
            break
    if n_failed > 1:
        reply = sent.code or "no answer"
        raise MailError(f"the SMTP server accepted none of the last {n_failed} emails ({reply})")
    summary = ", ".join(f"{number} {state}" for state, number in sorted(done.items()))
    with context.database.reading() as connection:
        counts = delivery_store.count_emails(connection, edition.period, edition.route)
    reason = f"{edition.period}: {summary or 'nobody to send to'}"
    return Outcome("done", reason, {"period": edition.period} | counts)


def _record(context: Context, email: Due, sent: SendResult, now: dt.datetime) -> str:
    """Record the result of an email; return a description without personal data."""
    state, next_at = sent.state, now + _pause(email.attempts)
    with context.database.writing() as connection:
        suspended = delivery_store.finish_email(connection, email, state, sent.code, now, next_at)
    if state != "sent":
        whom = email.period, email.subscriber_id
        _log.warning("mail of %s to subscriber %s: %s, code %s", *whom, state, sent.code)
    if suspended:
        _log.warning("subscriber %s is suspended: their email bounces", email.subscriber_id)
    return state


def _pause(attempts: int) -> dt.timedelta:
    """Return how long to wait after a failure that `attempts` others preceded."""
    pause: dt.timedelta = _RETRY_FIRST * 3 ** min(attempts, 10)
    return min(pause, _RETRY_MOST)


def mail_links(context: Context, clock: Clock = utc_now) -> int:
    """Mail a link to everyone who requested the route and has none; return the number sent.

    A link that may or may not have arrived is not sent twice: a new one replaces it.
    """
    route = context.route.name
    with context.database.writing() as connection:
        if failed_recently(connection, "confirmations", clock(), route):
            return 0
        if not subscriber_store.list_due_opt_ins(connection, clock(), route):
            return 0

    def work(session: Session) -> Outcome:
        with context.database.writing() as connection:
            opt_ins = subscriber_store.list_due_opt_ins(connection, clock(), route)
        sent = sum(_mail_link(context, session, one, clock()) for one in opt_ins)
        return Outcome("done", f"{sent} of {len(opt_ins)} sent", {"sent": sent})

    return int(run_exclusively(context, "confirmations", work).detail.get("sent", 0))


def _mail_link(context: Context, session: Session, opt_in: OptIn, now: dt.datetime) -> bool:
    with context.database.writing() as connection:
        token = subscriber_store.create_token(connection, opt_in)
    if token is None:  # requested again meanwhile
        return False
    message = confirmation_message(context, opt_in.address, opt_in, token, now)
    sent = session.send(opt_in.address, message.as_bytes())
    next_at = now + _pause(opt_in.attempts) if sent.state == "later" else None
    with context.database.writing() as connection:
        subscriber_store.postpone_opt_in(connection, opt_in, next_at)
    if sent.state != "sent":
        _log.warning("link of request %s: %s, code %s", opt_in.opt_in_id, sent.state, sent.code)
    return sent.state == "sent"
