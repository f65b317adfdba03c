"""Send the weekly email: frozen once, sent once per subscriber, resumed after a crash."""

__all__ = ["copy_for", "digest", "due_week", "edition_for", "send_due_mail"]

import calendar
import datetime as dt
from email.message import EmailMessage

from service.answers.issue_loader import IssueLoader
from service.core.clock import utc_now
from service.core.context import Context
from service.core.job_runner import Outcome
from service.issues import issue_store
from service.mail import delivery_store, early_warnings
from service.mail.delivery_store import Edition, Reader
from service.mail.edition import build_edition, iso_week, monday
from service.mail.render import weekly_messages
from service.mail.sending import (
    Clock,
    failed_recently,
    mail_links,
    run_exclusively,
    send_edition,
)
from service.mail.smtp import Session
from service.mail.subscriber_store import list_subscribers

_BEGIN_WITHIN = dt.timedelta(hours=24)  # later, a week's email would be old news
_GIVE_UP = dt.timedelta(days=5)  # RFC 5321, section 4.5.4.1


def digest(context: Context, clock: Clock = utc_now, at_once: bool = False) -> Outcome:
    """Send the email that was due last to subscribers who lack it; the first run freezes it."""
    loader = IssueLoader(context, clock)
    week, _ = due_week(context, clock())

    def work(session: Session) -> Outcome:
        edition, route = _get_edition(loader, week), context.route.name
        if edition is None:
            edition = build_edition(loader, week)
            with context.database.writing() as connection:
                readers = list_subscribers(connection, state="active", weekly=True, route=route)
                mails = dict.fromkeys(reader.subscriber_id for reader in readers)
                delivery_store.save_edition(connection, edition, mails)
        message = weekly_messages(loader, edition)
        return send_edition(context, session, edition, message, clock, at_once)

    return run_exclusively(context, "digest", work)


def copy_for(context: Context, week: str, address: str) -> EmailMessage:
    """Return the email of `week` for one address, with the declared threshold."""
    loader = IssueLoader(context)
    reader = Reader(address, context.route.lead.day_threshold)
    return weekly_messages(loader, edition_for(loader, week))(reader)


def edition_for(loader: IssueLoader, week: str) -> Edition:
    """Return the edition of `week`: frozen, or as it would have been at its time."""
    frozen = _get_edition(loader, week)
    if frozen:
        return frozen
    if week >= iso_week(loader.route, loader.clock()):
        return build_edition(loader, week)
    moment = _moment(loader.context, week)
    return build_edition(IssueLoader(loader.context, lambda: moment), week, moment)


def due_week(context: Context, now: dt.datetime) -> tuple[str, dt.datetime]:
    """Return the week whose email was due last, and when it was due."""
    week = iso_week(context.route, now)
    if _moment(context, week) > now:
        week = iso_week(context.route, now - dt.timedelta(days=7))
    return week, _moment(context, week)


def send_due_mail(context: Context, period: str, clock: Clock = utc_now) -> None:  # noqa: ARG001
    """Send what is due now, unless mail is off: confirmations, warnings and the weekly email."""
    if not context.settings.smtp_host:
        return
    mail_links(context, clock)
    if early_warnings.is_due(context, clock()):
        early_warnings.warn(context, clock)
    if _is_due(context, clock()):
        digest(context, clock)


def _is_due(context: Context, now: dt.datetime) -> bool:
    week, moment = due_week(context, now)
    with context.database.reading() as connection:
        if failed_recently(connection, "digest", now, context.route.name):
            return False
        frozen = delivery_store.get_edition(connection, week, context.route.name)
        if frozen is None:
            newest = issue_store.get_latest_issue(connection, context.route.leading)
            return newest is not None and now - moment < _BEGIN_WITHIN
        return now - moment < _GIVE_UP and bool(delivery_store.list_due(connection, frozen, now))


def _get_edition(loader: IssueLoader, week: str) -> Edition | None:
    with loader.context.database.reading() as connection:
        return delivery_store.get_edition(connection, week, loader.route.name)


def _moment(context: Context, week: str) -> dt.datetime:
    """Return when the email of `week` is due."""
    names = [name.lower() for name in calendar.day_abbr]
    day = monday(week) + dt.timedelta(days=names.index(context.settings.digest_day))
    time = dt.time.fromisoformat(context.settings.digest_time)
    return dt.datetime.combine(day, time, context.route.zone).astimezone(dt.UTC)
