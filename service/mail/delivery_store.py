"""Editions of the weekly email and early warnings, and the delivery status of each email."""

__all__ = [
    "BOUNCES",
    "Due",
    "Edition",
    "Reader",
    "get_previous_edition",
    "claim_email",
    "count_emails",
    "list_due",
    "get_edition",
    "finish_email",
    "save_edition",
    "get_last_states",
]

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from service.core.tables import deliveries, editions, subscribers

BOUNCES = 3  # consecutive bounces that suspend a subscriber


@dataclass(frozen=True)
class Edition:
    """Content of a week's or day's emails, frozen before the first is sent."""

    period: str  # ISO week, such as 2026-W02; for early warnings the day, such as 2026-01-09
    issue_id: str  # source of the chances for each reader's threshold
    made_at: dt.datetime
    content: dict[str, Any]
    kind: str = "weekly"  # or "warning"
    route: str = ""


@dataclass(frozen=True)
class Reader:
    """Recipient of an email; without a token it is a single copy."""

    address: str
    threshold: int
    token: str | None = None


@dataclass(frozen=True, kw_only=True)
class Due(Reader):
    """An email that is due."""

    period: str
    subscriber_id: int
    attempts: int
    content: dict[str, Any] | None  # content of this reader's early warning


def get_edition(connection: sa.Connection, period: str, route: str = "") -> Edition | None:
    """Return the frozen edition of a week or day about `route`, if any."""
    return _edition(connection, editions.c.period == period, editions.c.route == route)


def get_previous_edition(connection: sa.Connection, week: str, route: str = "") -> Edition | None:
    """Return the newest earlier weekly edition about `route`."""
    c = editions.c
    return _edition(connection, c.kind == "weekly", c.period < week, c.route == route)


def save_edition(
    connection: sa.Connection, edition: Edition, mails: Mapping[int, dict[str, Any] | None]
) -> None:
    """Store an edition, which never changes, and who gets it.

    `mails` has the content of each subscriber's early warning, or None for the weekly email.
    """
    connection.execute(editions.insert().values(**asdict(edition)))
    row = {"route": edition.route, "period": edition.period, "state": "waiting", "attempts": 0}
    row |= {"began_at": edition.made_at, "next_at": edition.made_at}
    rows = [row | {"subscriber_id": who, "content": content} for who, content in mails.items()]
    if rows:
        connection.execute(deliveries.insert(), rows)


def get_last_states(connection: sa.Connection) -> dict[int, str]:
    """Return the state in each subscriber's last early-warning email, by subscriber number.

    Subscribers who changed their preferences since are left out.
    """
    d, s = deliveries.c, subscribers.c
    rows = connection.execute(
        sa.select(d.subscriber_id, d.content)
        .join(subscribers, s.subscriber_id == d.subscriber_id)
        .where(d.state == "sent", d.content.is_not(None), d.began_at >= s.changed_at)
        .order_by(d.began_at)
    )
    return {row.subscriber_id: row.content["state"] for row in rows}


def list_due(connection: sa.Connection, of: Edition, now: dt.datetime) -> list[Due]:
    """Return emails to send now: new ones, retries, and those left by a killed process.

    If the reader of an early warning has since changed preferences, it is not sent, and decided
    again the next day.
    """
    s, d = subscribers.c, deliveries.c
    is_current = sa.and_(s.warn_level.is_not(None), d.began_at >= s.changed_at)
    rows = connection.execute(
        sa.select(
            *(d.period, d.subscriber_id, d.attempts, d.content),
            *(s.address, s.threshold, s.token),
        )
        .join(subscribers, s.subscriber_id == d.subscriber_id)
        .where(
            d.route == of.route,
            d.period == of.period,
            d.state.in_(["waiting", "sending", "later"]),
            d.next_at <= now,
            s.state == "active",
            s.weekly if of.kind == "weekly" else is_current,
        )
        .order_by(d.attempts, d.subscriber_id)  # first those that no failure has delayed
    )
    return [Due(**row._mapping) for row in rows]


def claim_email(connection: sa.Connection, email: Due, now: dt.datetime) -> bool:
    """Claim an email before sending; False if its reader has left."""
    values = {"state": "sending", "attempts": email.attempts + 1, "next_at": now}
    return bool(connection.execute(_change(email).values(values)).rowcount)


def finish_email(
    connection: sa.Connection,
    email: Due,
    state: str,
    code: int | None,
    now: dt.datetime,
    next_at: dt.datetime,
) -> bool:
    """Record the result of an email; return True if this suspends its subscriber.

    `state` is ``sent``, ``later`` or ``bounced``; `code` is the server's reply.
    """
    d, s = deliveries.c, subscribers.c
    ended = None if state == "later" else now
    values = {"state": state, "code": code, "ended_at": ended, "next_at": next_at}
    connection.execute(_change(email).values(values))
    last = connection.scalars(
        sa.select(d.state)
        .join(subscribers, s.subscriber_id == d.subscriber_id)
        .where(
            d.subscriber_id == email.subscriber_id,
            d.state.in_(["sent", "bounced"]),
            d.began_at >= s.changed_at,  # reset the bounce count after a suspension
        )
        .order_by(d.began_at.desc())
        .limit(BOUNCES)
    ).all()
    if list(last) != ["bounced"] * BOUNCES:
        return False
    suspended = subscribers.update().where(s.subscriber_id == email.subscriber_id)
    connection.execute(suspended.values(state="suspended", changed_at=now))
    return True


def count_emails(connection: sa.Connection, period: str, route: str = "") -> dict[str, int]:
    """Count the emails of an edition in each state."""
    d = deliveries.c
    query = sa.select(d.state, sa.func.count()).where(d.period == period, d.route == route)
    return dict(connection.execute(query.group_by(d.state).order_by(d.state)).all())


def _edition(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> Edition | None:
    query = sa.select(editions).where(*which).order_by(editions.c.period.desc()).limit(1)
    row = connection.execute(query).first()
    return Edition(**row._mapping) if row else None


def _change(email: Due) -> sa.Update:
    d = deliveries.c
    which = sa.and_(d.period == email.period, d.subscriber_id == email.subscriber_id)
    return deliveries.update().where(which)
