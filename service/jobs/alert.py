"""Alert: tell a webhook of every alarm that began, and of every one that ended, once."""

from __future__ import annotations

__all__ = ["alert", "body_of", "trial"]

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

from service.answers.desk import Desk
from service.answers.watch import alarms
from service.clock import instant, utc_now
from service.context import Context
from service.jobs.record import JobError, Outcome, perform
from service.settings import Settings
from service.sources.base import FetchError
from service.sources.webhook import Webhook, sign
from service.store import alarm_events
from service.store.alarm_events import Event
from service.store.database import Connection

_RETRY_FIRST, _RETRY_MOST = dt.timedelta(minutes=2), dt.timedelta(hours=6)
_GIVE_UP = dt.timedelta(days=5)
_SHORTEST_SECRET = 16
Clock = Callable[[], dt.datetime]


def alert(
    context: Context, period: str | None = None, clock: Clock = utc_now, **patience: Any
) -> Outcome:
    """Look for alarms that began or ended, and post what is due.

    An event that is not taken is posted again, with the same id, after 2 minutes, then 6, up to
    6 hours, for 5 days; those after it wait for their turn. A run has a row only if it posts.

    Parameters
    ----------
    patience
        Of `Webhook`.

    Raises
    ------
    JobError
        When the webhook does not take an event, or the settings do not suffice.
    """
    if not context.settings.webhook_url:
        return Outcome("skipped", "CROSSINGS_WEBHOOK_URL is not set")
    webhook = _webhook(context.settings, **patience)
    with context.database.alone("alert") as held:
        if not held:
            return Outcome("skipped", "another process is posting")
        now = clock()
        found = {(a["name"], a["series_id"] or ""): a for a in alarms(Desk(context, clock))}
        with context.database.reading() as connection:
            is_same = alarm_events.standing(connection).keys() == found.keys()
            due = [event for event in alarm_events.waiting(connection)[:1] if event.next_at <= now]
        if is_same and not due:
            return Outcome("skipped", "no alarm began or ended")
        if not is_same:
            with context.database.writing() as connection:
                _note(connection, found, now)
        return perform(context, "alert", lambda _: _post_all(context, webhook, clock), period)


def trial(settings: Settings) -> str:
    """Post a message that is no alarm, once, and say that it was taken.

    Raises
    ------
    JobError
        When it is not taken, or the settings do not suffice.
    """
    if not settings.webhook_url:
        raise JobError("CROSSINGS_WEBHOOK_URL: expected an address, found nothing")
    webhook, now = _webhook(settings, attempts=1), utc_now()
    said = {"type": "test", "timestamp": instant(now), "data": {"service": settings.address}}
    try:
        webhook.post(f"test_{int(now.timestamp())}", now, json.dumps(said).encode())
    except FetchError as error:
        raise JobError(str(error)) from error
    return f"{webhook.where} took a trial"


def body_of(event: Event, address: str) -> bytes:
    """What is posted of an event, the same each time."""
    said = {
        "type": f"alarm.{event.event}",
        "timestamp": instant(event.made_at),
        "data": {"alarm": event.alarm, "service": address},
    }
    return json.dumps(said, sort_keys=True).encode()


def _note(
    connection: Connection, found: dict[tuple[str, str], dict[str, Any]], now: dt.datetime
) -> None:
    """Record what began and what ended since the last time."""
    told = alarm_events.standing(connection)
    for key in sorted(told.keys() - found.keys()):
        alarm_events.record(connection, "ended", told[key], now)
    for key in sorted(found.keys() - told.keys()):
        alarm_events.record(connection, "began", found[key], now)


def _post_all(context: Context, webhook: Webhook, clock: Clock) -> Outcome:
    """Post in order until one is not taken: who is told that an alarm ended knows that it began."""
    with context.database.reading() as connection:
        events = alarm_events.waiting(connection)
    done = 0
    for event in events:
        now = clock()
        if event.next_at > now:
            break
        try:
            webhook.post(event.message_id, now, body_of(event, context.settings.address))
        except FetchError as error:
            given_up = _put_off(context, event, now)
            said = f"given up after {event.attempts + 1} calls" if given_up else "to be tried again"
            raise JobError(f"alarm.{event.event} of {event.alarm['name']}, {said}: {error}") from (
                error
            )
        with context.database.writing() as connection:
            alarm_events.posted(connection, event, "posted", now)
        done += 1
    return Outcome("done", f"{done} of {len(events)} events posted", {"posted": done})


def _put_off(context: Context, event: Event, now: dt.datetime) -> bool:
    """Say when an event is tried again; True when it is not."""
    next_at = now + min(_RETRY_FIRST * 3 ** min(event.attempts, 10), _RETRY_MOST)
    given_up: bool = next_at - event.made_at > _GIVE_UP
    with context.database.writing() as connection:
        if given_up:
            alarm_events.posted(connection, event, "given up", now)
        else:
            alarm_events.failed(connection, event, next_at)
    return given_up


def _webhook(settings: Settings, **patience: Any) -> Webhook:
    """The webhook that the settings name; signing is tried before anything is said."""
    secret = settings.webhook_secret.get_secret_value()
    if len(secret) < _SHORTEST_SECRET:
        raise JobError(
            f"CROSSINGS_WEBHOOK_SECRET: expected at least {_SHORTEST_SECRET} characters, "
            f"found {len(secret) or 'none'}"
        )
    try:
        sign(secret, "", 0, b"")
    except ValueError as error:
        raise JobError(f"CROSSINGS_WEBHOOK_SECRET: {error}") from error
    return Webhook(settings.webhook_url.get_secret_value(), secret, **patience)
