"""Editions of the weekly email and early warnings, and the delivery status of each email."""

__all__ = [
    "BOUNCES",
    "Due",
    "Edition",
    "get_previous_edition",
    "claim_email",
    "count_emails",
    "list_due",
    "get_edition",
    "finish_email",
    "save_edition",
    "get_last_states",
    "plan_emails",
]

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from service.core.database import insert
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
class Due:
    """An email that is due."""

    route: str
    period: str
    subscriber_id: int
    address: str
    threshold: int
    token: str
    attempts: int
    began_at: dt.datetime | None  # when it was planned or first tried
    content: dict[str, Any] | None  # content of this reader's early warning


def get_edition(connection: sa.Connection, period: str, route: str = "") -> Edition | None:
    """Return the frozen edition of a week or day about `route`, if any."""
    c = editions.c
    return _edition(connection, sa.and_(c.period == period, c.route == route))


def get_previous_edition(connection: sa.Connection, week: str, route: str = "") -> Edition | None:
    """Return the newest earlier weekly edition about `route`."""
    c = editions.c
    is_earlier = sa.and_(c.kind == "weekly", c.period < week, c.route == route)
    return _edition(connection, is_earlier)


def save_edition(connection: sa.Connection, edition: Edition) -> None:
    """Store an edition, which never changes."""
    connection.execute(editions.insert().values(**asdict(edition)))


def plan_emails(
    connection: sa.Connection, of: Edition, mails: Mapping[int, dict[str, Any]]
) -> None:
    """Store which subscribers get an early-warning email, with its content."""
    row = {"route": of.route, "period": of.period, "state": "waiting", "attempts": 0}
    row |= {"began_at": of.made_at, "next_at": of.made_at}
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

    Readers who joined after the edition wait for the next one. Early warnings are planned; if the
    reader has since changed preferences they are not sent, and decided again the next day.
    """
    s, d = subscribers.c, deliveries.c
    here = sa.and_(d.subscriber_id == s.subscriber_id, d.period == of.period)
    new = sa.and_(d.state.is_(None), s.joined_at <= of.made_at)
    is_planned = sa.and_(s.warn_level.is_not(None), d.began_at >= s.changed_at)
    chosen = s.weekly if of.kind == "weekly" else is_planned
    rows = connection.execute(
        sa.select(
            *(s.subscriber_id, s.address, s.threshold, s.token, s.route, d.began_at, d.content),
            sa.literal(of.period).label("period"),
            sa.func.coalesce(d.attempts, 0).label("attempts"),
        )
        .select_from(subscribers.outerjoin(deliveries, here))
        .where(
            s.state == "active",
            s.route == of.route,
            chosen,
            sa.or_(
                new if of.kind == "weekly" else d.state == "waiting",
                d.state == "sending",
                sa.and_(d.state == "later", d.next_at <= now),
            ),
        )
        .order_by(s.subscriber_id)
    )
    return [Due(**row._mapping) for row in rows]


def claim_email(connection: sa.Connection, email: Due, now: dt.datetime) -> bool:
    """Claim an email before sending; False if its reader has left or been suspended."""
    c = subscribers.c
    query = sa.select(c.state).where(c.subscriber_id == email.subscriber_id)
    if connection.execute(query).scalar() != "active":
        return False
    key = {"route": email.route, "period": email.period, "subscriber_id": email.subscriber_id}
    values = {"state": "sending", "attempts": email.attempts + 1, "next_at": now}
    claimed = insert(connection, deliveries).values(key | values | {"began_at": now})
    index = ["period", "subscriber_id"]
    connection.execute(claimed.on_conflict_do_update(index_elements=index, set_=values))
    return True


def finish_email(
    connection: sa.Connection,
    email: Due,
    state: str,
    code: int | None,
    now: dt.datetime,
    next_at: dt.datetime,
) -> bool:
    """Record the result of an email; return True if this suspends its subscriber.

    `state` is ``sent``, ``later``, ``bounced`` or ``given up``; `code` is the server's reply.
    """
    d, s = deliveries.c, subscribers.c
    ended = None if state == "later" else now
    values = {"state": state, "code": code, "ended_at": ended, "next_at": next_at}
    which = sa.and_(d.period == email.period, d.subscriber_id == email.subscriber_id)
    connection.execute(deliveries.update().where(which).values(values))
    last = connection.scalars(
        sa.select(d.state)
        .join(subscribers, s.subscriber_id == d.subscriber_id)
        # Reset the bounce count after a suspension.
        .where(d.subscriber_id == email.subscriber_id, d.began_at >= s.changed_at)
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


def _edition(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Edition | None:
    query = sa.select(editions).where(which).order_by(editions.c.period.desc()).limit(1)
    row = connection.execute(query).first()
    return Edition(**row._mapping) if row else None
