"""Early warnings: decided once a day, then sent like the weekly email.

Readers get a warning when their chance reaches their level, and an email when it falls below it
again. Both are decided once a forecast includes the previous day's figure, at the latest at the
time of the weekly email, so there is at most one email a day. If the forecast is stale or degraded
then, one email says that warnings are paused.
"""

__all__ = ["is_due", "preview", "warn"]

import datetime as dt
from collections.abc import Mapping
from email.message import EmailMessage
from functools import cache, partial
from typing import Any
from zoneinfo import ZoneInfo

from service.answers.early_warnings import warning_chances, warning_record
from service.answers.issue_loader import IssueLoader, IssueView
from service.answers.wording import day_span, per_cent, sentence, unit_of
from service.core.clock import utc_now
from service.core.context import Context
from service.core.database import Connection
from service.core.job_runner import Outcome
from service.core.settings import Settings
from service.issues import early_warning_store, issue_store
from service.issues.early_warning_store import EarlyWarning
from service.mail import delivery_store, subscriber_store
from service.mail.delivery_store import Due, Edition
from service.mail.edition import common_content
from service.mail.render import edition_message, with_route
from service.mail.sending import Clock, failed_recently, run_exclusively, send_edition
from service.mail.smtp import Session
from service.mail.subscriber_store import Subscriber

_CALM, _PAUSED, _WARNING = "calm", "paused", "warning"


def is_due(context: Context, now: dt.datetime) -> bool:
    """Whether to decide or send warnings now."""
    day, leading = context.route.day(now), context.route.leading
    with context.database.reading() as connection:
        if failed_recently(connection, "warn", now, context.route.name):
            return False
        edition = delivery_store.get_edition(connection, str(day), context.route.name)
        if edition:
            return bool(delivery_store.list_due(connection, edition, now))
        newest = issue_store.get_latest_issue(connection, leading)
        if newest is None or not _readers(connection, context.route.name):
            return False
    latest = dt.time.fromisoformat(context.settings.digest_time)
    if now.astimezone(context.route.zone).time() >= latest:
        return True
    is_complete = newest.data_through >= day - dt.timedelta(days=1)
    return is_complete and IssueLoader(context, lambda: now).latest_state(leading).status == "fresh"


def warn(context: Context, clock: Clock = utc_now, at_once: bool = False) -> Outcome:
    """Decide today's early warnings, unless already done, and send them."""

    def work(session: Session) -> Outcome:
        edition, _ = _load_or_decide(context, clock)
        message = partial(_message, context.settings, edition)
        return send_edition(context, session, edition, message, clock, at_once)

    return run_exclusively(context, "warn", work)


def preview(context: Context, clock: Clock = utc_now) -> list[EmailMessage]:
    """Return the emails that `warn` would send now, without sending or storing anything."""
    edition, due = _load_or_decide(context, clock, is_stored=False)
    return [_message(context.settings, edition, delivery) for delivery in due]


def _load_or_decide(
    context: Context, clock: Clock, is_stored: bool = True
) -> tuple[Edition, list[Due]]:
    """Return today's edition and its due emails; if missing, decide them all now."""
    loader, database, route = IssueLoader(context, clock), context.database, context.route.name
    day = loader.today()
    with database.reading() as connection:
        edition = delivery_store.get_edition(connection, str(day), route)
        if edition:
            return edition, delivery_store.list_due(connection, edition, clock())
    view = loader.view(context.route.leading)
    content = common_content(loader, view) | {"record": warning_record(loader)["sentence"]}
    edition = Edition(str(day), view.issue.issue_id, clock(), content, "warning", route)
    with database.writing() as connection:
        mails = _changes(connection, view, route)
        delivery_store.save_edition(connection, edition, mails)
        early_warning_store.insert_warnings(connection, _distinct_warnings(route, day, mails))
        due = delivery_store.list_due(connection, edition, clock())
        if not is_stored:
            connection.rollback()
    return edition, due


def _readers(connection: Connection, route: str) -> list[Subscriber]:
    active = subscriber_store.list_subscribers(connection, state="active", route=route)
    return [one for one in active if one.warn_level is not None]


def _changes(connection: Connection, view: IssueView, route: str) -> dict[int, dict[str, Any]]:
    """Return the content of the email to each reader, by number, for whom something changed."""
    mails, last = {}, delivery_store.get_last_states(connection)
    is_fresh = view.state.status == "fresh"
    chances_of = cache(lambda *thresholds: warning_chances(view.ahead, *thresholds))
    for reader in _readers(connection, route):
        level = reader.warn_level or 0
        rows = chances_of(reader.threshold, reader.week_threshold) if is_fresh else []
        state = _CALM if is_fresh else _PAUSED
        if any(_reaches(row, level) for row in rows):
            state = _WARNING
        before = last.get(reader.subscriber_id, _CALM)
        if state != before:
            content = {"state": state, "before": before, "level": level, "chances": rows}
            mails[reader.subscriber_id] = content
    return mails


def _distinct_warnings(
    route: str, day: dt.date, mails: Mapping[int, dict[str, Any]]
) -> set[EarlyWarning]:
    """Return each warning once, however many readers get it."""
    return {
        EarlyWarning(
            day,
            row["window"],
            row["threshold"],
            dt.date.fromisoformat(row["from"]),
            dt.date.fromisoformat(row["to"]),
            row["p"],
            route,
        )
        for content in mails.values()
        for row in content["chances"]
        if content["state"] == _WARNING and _reaches(row, content["level"])
    }


def _reaches(chance: Mapping[str, Any], level: int) -> bool:
    """Whether a chance, rounded to whole per cent as displayed, is at least `level`."""
    return round(100 * float(chance["p"])) >= level


def _message(settings: Settings, edition: Edition, reader: Due) -> EmailMessage:
    assert reader.content is not None
    subject, lead, more = _texts(edition.content, reader.content)
    values = {"lead": lead, "more": more, "rows": reader.content["chances"][:1]}
    return edition_message(settings, edition, reader, subject, values)


def _texts(common: Mapping[str, Any], content: Mapping[str, Any]) -> tuple[str, str, list[str]]:
    """Return the subject, the first sentence, and the other paragraphs."""
    level, zone = content["level"], ZoneInfo(common["time_zone"])
    if content["state"] == _PAUSED:
        first, *others = (sentence(reason, zone) for reason in common["reasons"])
        fault = {"stale": "is out of date", "degraded": "has a problem"}[common["status"]]
        until = (
            "You will get no warnings until the forecast is up to date again. Then we will email "
            "you the chance at that time."
        )
        subject = f"{with_route('Early warnings paused', common)}: the forecast {fault}"
        return subject, f"Early warnings are paused. {first}", [*others, until]
    # Thresholds that reached the level come first.
    chances = sorted(content["chances"], key=lambda row: not _reaches(row, level))
    first, *others = [_in_words(row, common) for row in chances]
    more = [sentence(text, zone) for text in others]
    more.append(f"You asked to be warned when the chance is at least {level}%.")
    if content["state"] == _WARNING:
        more.append("We will email you when it falls below that.")
        return f"{with_route('Early warning', common)}: {first}", sentence(first, zone), more
    name = "Early warnings resumed" if content["before"] == _PAUSED else "Early warning over"
    return f"{with_route(name, common)}: {first}", f"{name}: {first}.", more


def _in_words(chance: Mapping[str, Any], common: Mapping[str, Any]) -> str:
    unit = unit_of(common, chance["threshold"])
    what = "on at least one day" if chance["window"] == 1 else "in total"
    text = f"{per_cent(chance['p'])} chance of more than {chance['threshold']:,} {unit} arriving"
    return f"{text} {what}, {day_span(chance['from'], chance['to'])}"
