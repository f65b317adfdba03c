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
    "is_unsubscribed",
    "find_opt_in",
    "postpone_opt_in",
    "remove_subscriber",
    "create_token",
    "list_over_limit",
    "list_due_opt_ins",
]

import datetime as dt
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from service.answers.early_warnings import DAYS, WEEK
from service.core.database import insert
from service.core.declared_series import Series
from service.core.tables import asks, opt_ins, salts, subscribers, unsubscribed

EMAILS = ("weekly", "warnings", "both")
"""The choices of the form."""
CONFIRM_HOURS = 48
_RETENTION = dt.timedelta(hours=24)  # so that a late click gets an explanation
_TOKEN_BYTES = 16  # 22 characters: keeps the link under 78, where mail is folded
_ASKING = 0x61736B73  # any constant


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
    state: str  # asked; mailed if the link was sent; refused if the server refused it
    token_hash: str | None
    asked_at: dt.datetime
    expires_at: dt.datetime
    attempts: int
    next_at: dt.datetime


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


def list_subscribers(
    connection: sa.Connection, *, is_locked: bool = False, **values: Any
) -> list[Subscriber]:
    """Return all subscribers, or those with these column values, in order of joining.

    An address has one subscriber per route. If `is_locked`, nobody else changes them until the
    transaction ends.
    """
    query = sa.select(subscribers).filter_by(**values).order_by(subscribers.c.subscriber_id)
    if is_locked:
        query = query.with_for_update()
    return [Subscriber(**row._mapping) for row in connection.execute(query)]


def find_subscriber(connection: sa.Connection, **values: Any) -> Subscriber | None:
    """Return the first subscriber with these column values, such as a token."""
    return next(iter(list_subscribers(connection, **values)), None)


def remove_subscriber(connection: sa.Connection, subscriber: Subscriber, now: dt.datetime) -> None:
    """Delete a route's subscriber and all records; the hash of the token is kept."""
    o, c = opt_ins.c, subscribers.c
    same = sa.and_(o.address == subscriber.address, o.route == subscriber.route)
    connection.execute(opt_ins.delete().where(same))
    connection.execute(subscribers.delete().where(c.subscriber_id == subscriber.subscriber_id))
    row = {"token_hash": _hash(subscriber.token), "left_at": now}
    connection.execute(insert(connection, unsubscribed).values(row).on_conflict_do_nothing())


def is_unsubscribed(connection: sa.Connection, token: str) -> bool:
    """Whether `token` belonged to a former subscriber."""
    query = sa.select(unsubscribed.c.left_at).where(unsubscribed.c.token_hash == _hash(token))
    return connection.execute(query).first() is not None


def save_opt_in(
    connection: sa.Connection, address: str, preferences: Preferences, now: dt.datetime
) -> None:
    """Store a request for email about a route, replacing any earlier one."""
    c = opt_ins.c
    same = sa.and_(c.address == address, c.route == preferences.route)
    connection.execute(opt_ins.delete().where(same))
    values = preferences.columns() | {"address": address, "state": "asked", "attempts": 0}
    values |= {"asked_at": now, "next_at": now}
    values["expires_at"] = now + dt.timedelta(hours=CONFIRM_HOURS)
    # Of two concurrent requests either will do.
    connection.execute(insert(connection, opt_ins).values(values).on_conflict_do_nothing())


def list_due_opt_ins(connection: sa.Connection, now: dt.datetime, route: str = "") -> list[OptIn]:
    """Return requests for `route` whose link is due; delete long-expired ones."""
    c = opt_ins.c
    connection.execute(opt_ins.delete().where(c.expires_at <= now - _RETENTION))
    rows = connection.execute(
        sa.select(opt_ins)
        .where(c.route == route, c.state == "asked", c.next_at <= now, c.expires_at > now)
        .order_by(c.opt_in_id)
    )
    return [OptIn(**row._mapping) for row in rows]


def create_token(connection: sa.Connection, opt_in: OptIn) -> str | None:
    """Give a request a token, stored only as a hash; None if the request is gone."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    values = {"token_hash": _hash(token), "attempts": opt_in.attempts + 1}
    change = opt_ins.update().where(opt_ins.c.opt_in_id == opt_in.opt_in_id).values(values)
    return token if connection.execute(change).rowcount else None


def postpone_opt_in(
    connection: sa.Connection, opt_in: OptIn, state: str, next_at: dt.datetime
) -> None:
    """Record the state of a request's email, and when to retry."""
    change = opt_ins.update().where(opt_ins.c.opt_in_id == opt_in.opt_in_id)
    connection.execute(change.values(state=state, next_at=next_at))


def find_opt_in(connection: sa.Connection, token: str) -> OptIn | None:
    """Return the request that `token` confirms, expired or not."""
    query = sa.select(opt_ins).where(opt_ins.c.token_hash == _hash(token))
    row = connection.execute(query).first()
    return OptIn(**row._mapping) if row else None


def confirm_opt_in(connection: sa.Connection, opt_in: OptIn, now: dt.datetime) -> bool:
    """Turn an unexpired request into a subscriber, once."""
    deleted = connection.execute(
        opt_ins.delete().where(opt_ins.c.opt_in_id == opt_in.opt_in_id, opt_ins.c.expires_at > now)
    )
    if not deleted.rowcount:
        return False
    add_subscriber(connection, opt_in.address, opt_in, now)
    return True


def list_over_limit(
    connection: sa.Connection, who: Mapping[str, int], now: dt.datetime
) -> list[str]:
    """Count a request for each of `who` with its daily limit; return those over the limit.

    Stores only hashes, with a salt that lasts a day.
    """
    if connection.dialect.name == "postgresql":  # one at a time; SQLite does this anyway
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ASKING)))
    salt = _salt(connection, now.astimezone(dt.UTC).date())
    digests = {name: hashlib.sha256(f"{salt} {name}".encode()).hexdigest() for name in who}
    query = sa.select(asks.c.who, sa.func.count()).where(asks.c.who.in_(digests.values()))
    counted: dict[str, int] = dict(connection.execute(query.group_by(asks.c.who)).all())
    over = [name for name, digest in digests.items() if counted.get(digest, 0) >= who[name]]
    if not over:
        connection.execute(asks.insert(), [{"who": digest} for digest in digests.values()])
    return over


def _salt(connection: sa.Connection, day: dt.date) -> str:
    """Return the salt of `day`; a new day deletes the previous salt and counts."""
    if connection.execute(salts.delete().where(salts.c.day != day)).rowcount:
        connection.execute(asks.delete())
    fresh = {"day": day, "salt": secrets.token_hex(32)}
    connection.execute(insert(connection, salts).values(fresh).on_conflict_do_nothing())
    return str(connection.scalar(sa.select(salts.c.salt)))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
