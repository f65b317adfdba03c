"""Email subscribers and unconfirmed subscription requests.

Addresses are stored only as long as needed: leaving or not confirming in time deletes them.
"""

__all__ = [
    "CONFIRM_HOURS",
    "EMAILS",
    "OptIn",
    "Preferences",
    "Subscriber",
    "add_subscriber",
    "save_opt_in",
    "confirm_opt_in",
    "list_subscribers",
    "find_subscriber",
    "find_opt_in",
    "postpone_opt_in",
    "remove_subscriber",
    "create_token",
    "list_due_opt_ins",
]

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from service.answers.early_warnings import DAYS, WEEK
from service.core.database import insert
from service.core.declared_series import Series
from service.core.tables import opt_ins, subscribers

EMAILS = ("weekly", "warnings", "both")
"""The choices of the form."""
CONFIRM_HOURS = 48
_TOKEN_BYTES = 16  # 22 characters: keeps the link under 78, where mail is folded


@dataclass(frozen=True)
class Preferences:
    """A reader's emails about a route, and their thresholds."""

    threshold: int  # arrivals in a day
    weekly: bool = True
    warn_level: int | None = None  # per cent; None: no early warnings
    week_threshold: int | None = None  # None: no warnings about seven-day totals
    route: str = ""

    def columns(self) -> dict[str, Any]:
        """Return the preferences by column name."""
        return {field.name: getattr(self, field.name) for field in fields(Preferences)}

    def in_words(self, leading: Series) -> str:
        """Describe the emails, to complete the sentence "you will get"."""
        emails, unit = [], leading.unit_of(self.threshold)
        if self.weekly:
            emails.append(
                f"one email a week with the chances of more than {self.threshold:,} {unit}"
            )
        if self.warn_level is not None:
            week = ""
            if self.week_threshold is not None:
                week = f", or of more than {self.week_threshold:,} in {WEEK} days,"
            emails.append(
                f"an early warning when the chance of more than {self.threshold:,} {unit} in a day "
                f"in the next {DAYS} days{week} reaches {self.warn_level}%, and an email when it "
                "no longer does"
            )
        return " and ".join(emails)


@dataclass(frozen=True, kw_only=True)
class Subscriber(Preferences):
    """An email subscriber."""

    subscriber_id: int
    address: str
    state: str  # active, or suspended after bounces
    token: str  # used in the unsubscribe link
    joined_at: dt.datetime
    changed_at: dt.datetime  # last change of preferences or state


@dataclass(frozen=True, kw_only=True)
class OptIn(Preferences):
    """An unconfirmed request."""

    opt_in_id: int
    address: str
    token_hash: str | None
    expires_at: dt.datetime
    attempts: int
    next_at: dt.datetime | None  # when to mail the link; None if sent or refused


def add_subscriber(
    connection: sa.Connection,
    address: str,
    preferences: Preferences,
    now: dt.datetime,
    state: str = "active",
) -> None:
    """Subscribe `address` to a route, or change the preferences and the state of a subscriber."""
    values = preferences.columns() | {"state": state, "changed_at": now}
    new = {"address": address, "token": secrets.token_urlsafe(_TOKEN_BYTES), "joined_at": now}
    query = insert(connection, subscribers).values(values | new)
    query = query.on_conflict_do_update(index_elements=["address", "route"], set_=values)
    connection.execute(query)


def list_subscribers(connection: sa.Connection, **values: Any) -> list[Subscriber]:
    """Return all subscribers, or those with these column values, in order of joining.

    An address has one subscriber per route.
    """
    query = sa.select(subscribers).filter_by(**values).order_by(subscribers.c.subscriber_id)
    return [Subscriber(**row._mapping) for row in connection.execute(query)]


def find_subscriber(connection: sa.Connection, **values: Any) -> Subscriber | None:
    """Return the first subscriber with these column values, such as a token."""
    return next(iter(list_subscribers(connection, **values)), None)


def remove_subscriber(connection: sa.Connection, subscriber: Subscriber) -> None:
    """Delete a route's subscriber and all records."""
    o, c = opt_ins.c, subscribers.c
    same = sa.and_(o.address == subscriber.address, o.route == subscriber.route)
    connection.execute(opt_ins.delete().where(same))
    connection.execute(subscribers.delete().where(c.subscriber_id == subscriber.subscriber_id))


def save_opt_in(
    connection: sa.Connection, address: str, preferences: Preferences, now: dt.datetime
) -> None:
    """Store a request for email about a route, replacing any earlier one."""
    c = opt_ins.c
    same = sa.and_(c.address == address, c.route == preferences.route)
    connection.execute(opt_ins.delete().where(same))
    values = preferences.columns() | {"address": address, "attempts": 0, "next_at": now}
    values["expires_at"] = now + dt.timedelta(hours=CONFIRM_HOURS)
    # Of two concurrent requests either will do.
    connection.execute(insert(connection, opt_ins).values(values).on_conflict_do_nothing())


def list_due_opt_ins(connection: sa.Connection, now: dt.datetime, route: str = "") -> list[OptIn]:
    """Return requests for `route` whose link is due; delete expired ones."""
    c = opt_ins.c
    connection.execute(opt_ins.delete().where(c.expires_at <= now))
    query = sa.select(opt_ins).where(c.route == route, c.next_at <= now).order_by(c.opt_in_id)
    return [OptIn(**row._mapping) for row in connection.execute(query)]


def create_token(connection: sa.Connection, opt_in: OptIn) -> str | None:
    """Give a request a token, stored only as a hash; None if the request is gone."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    values = {"token_hash": _hash(token), "attempts": opt_in.attempts + 1}
    change = opt_ins.update().where(opt_ins.c.opt_in_id == opt_in.opt_in_id).values(values)
    return token if connection.execute(change).rowcount else None


def postpone_opt_in(connection: sa.Connection, opt_in: OptIn, next_at: dt.datetime | None) -> None:
    """Record when to mail the link again, if ever."""
    change = opt_ins.update().where(opt_ins.c.opt_in_id == opt_in.opt_in_id)
    connection.execute(change.values(next_at=next_at))


def find_opt_in(connection: sa.Connection, token: str, now: dt.datetime) -> OptIn | None:
    """Return the request that `token` confirms, unless it has expired."""
    row = connection.execute(sa.select(opt_ins).where(*_confirmed_by(token, now))).first()
    return OptIn(**row._mapping) if row else None


def confirm_opt_in(connection: sa.Connection, token: str, now: dt.datetime) -> OptIn | None:
    """Turn the request that `token` confirms into a subscriber, once; return it."""
    query = opt_ins.delete().where(*_confirmed_by(token, now)).returning(opt_ins)
    row = connection.execute(query).first()
    if row is None:
        return None
    opt_in = OptIn(**row._mapping)
    add_subscriber(connection, opt_in.address, opt_in, now)
    return opt_in


def _confirmed_by(token: str, now: dt.datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return opt_ins.c.token_hash == _hash(token), opt_ins.c.expires_at > now


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
