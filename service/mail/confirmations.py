"""Links to confirm, mailed to those who asked: the web process only notes that they did."""

from __future__ import annotations

__all__ = ["mail_links"]

import datetime as dt
import logging
from collections.abc import Callable

from service.core.clock import utc_now
from service.core.context import Context
from service.core.job_runner import JobError
from service.mail import subscriber_store
from service.mail.render import confirmation, serialise
from service.mail.smtp import MailError, Sent, Session
from service.mail.subscriber_store import OptIn

_RETRY = dt.timedelta(minutes=2)
_log = logging.getLogger(__name__)


def mail_links(context: Context, clock: Callable[[], dt.datetime] = utc_now) -> int:
    """Mail a link to each who asked and has none; return how many were handed over.

    A link that may or may not have arrived is not sent twice: another is made, and the first
    one holds no longer.
    """
    with context.database.alone("opt-in") as held:
        if not held:
            return 0
        with context.database.writing() as connection:
            opt_ins = subscriber_store.waiting(connection, clock())
        if not opt_ins:
            return 0
        try:
            with Session(context.settings) as session:
                return sum(_mail(context, session, one, clock()) for one in opt_ins)
        except MailError as error:
            raise JobError(str(error)) from error


def _mail(context: Context, session: Session, one: OptIn, now: dt.datetime) -> bool:
    with context.database.writing() as connection:
        token = subscriber_store.tokenise(connection, one)
    if token is None:  # asked anew meanwhile
        return False
    message = confirmation(context, one.address, one, token, now)
    try:
        sent = session.send(one.address, serialise(message))
    except MailError:
        _put_off(context, one, Sent("later", None), now)
        raise
    _put_off(context, one, sent, now)
    return sent.state == "sent"


def _put_off(context: Context, one: OptIn, sent: Sent, now: dt.datetime) -> None:
    state = {"sent": "mailed", "later": "asked", "bounced": "refused"}[sent.state]
    wait = _RETRY * 2 ** min(one.attempts, 8)
    with context.database.writing() as connection:
        subscriber_store.put_off(connection, one, state, now + wait)
    if state != "mailed":
        _log.warning("link of request %s: %s, code %s", one.opt_in_id, sent.state, sent.code)
