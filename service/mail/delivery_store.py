"""Editions of the weekly email and of the early warnings, and what became of each mail of them."""

from __future__ import annotations

__all__ = [
    "BOUNCES",
    "Due",
    "Edition",
    "before",
    "begin",
    "counts",
    "due",
    "edition",
    "end",
    "freeze",
    "last_states",
    "plan",
]

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from service.core.tables import deliveries, editions, subscribers

BOUNCES = 3  # in a row, before a subscriber is suspended


@dataclass(frozen=True)
class Edition:
    """What the mails of a week or of a day say, frozen before the first one is sent."""

    period: str  # ISO week, such as 2026-W02; of early warnings the day, such as 2026-01-09
    issue_id: str  # of the issue that the chances of each reader's threshold are read off
    made_at: dt.datetime
    content: dict[str, Any]
    kind: str = "weekly"  # or "warning"
    route: str = ""


@dataclass(frozen=True)
class Due:
    """A mail that is to be sent."""

    subscriber_id: int
    address: str
    threshold: int
    token: str
    attempts: int
    began_at: dt.datetime | None  # when it was planned or first tried
    content: dict[str, Any] | None  # what an early warning says to this reader
    route: str = ""


def edition(connection: sa.Connection, period: str, route: str = "") -> Edition | None:
    """The edition of a week or day about `route`, once it is frozen."""
    c = editions.c
    return _edition(connection, sa.and_(c.period == period, c.route == route))


def before(connection: sa.Connection, week: str, route: str = "") -> Edition | None:
    """The newest weekly edition of an earlier week about `route`."""
    c = editions.c
    is_earlier = sa.and_(c.kind == "weekly", c.period < week, c.route == route)
    return _edition(connection, is_earlier)


def freeze(connection: sa.Connection, edition: Edition) -> None:
    """Store an edition; it is never changed."""
    connection.execute(editions.insert().values(**asdict(edition)))


def plan(connection: sa.Connection, of: Edition, mails: Mapping[int, dict[str, Any]]) -> None:
    """Store which subscribers get a mail of an edition of early warnings, and what it says."""
    row = {"route": of.route, "period": of.period, "state": "waiting", "attempts": 0}
    row |= {"began_at": of.made_at, "next_at": of.made_at}
    rows = [row | {"subscriber_id": who, "content": content} for who, content in mails.items()]
    if rows:
        connection.execute(deliveries.insert(), rows)


def last_states(connection: sa.Connection) -> dict[int, str]:
    """What the last early warning that was sent told each subscriber, by number.

    Whoever changed their preferences since begins anew.
    """
    d, s = deliveries.c, subscribers.c
    rows = connection.execute(
        sa.select(d.subscriber_id, d.content)
        .join(subscribers, s.subscriber_id == d.subscriber_id)
        .where(d.state == "sent", d.content.is_not(None), d.began_at >= s.changed_at)
        .order_by(d.began_at)
    )
    return {row.subscriber_id: row.content["state"] for row in rows}


def due(connection: sa.Connection, of: Edition, now: dt.datetime) -> list[Due]:
    """Mails that are to be sent now: new ones, those to try again, those a killed process left.

    Who joined after the edition was made waits for the next one. Early warnings are planned. One
    whose reader has changed their preferences since is not sent: the next day is decided anew.
    """
    s, d = subscribers.c, deliveries.c
    here = sa.and_(d.subscriber_id == s.subscriber_id, d.period == of.period)
    new = sa.and_(d.state.is_(None), s.joined_at <= of.made_at)
    is_planned = sa.and_(s.warn_level.is_not(None), d.began_at >= s.changed_at)
    chosen = s.weekly if of.kind == "weekly" else is_planned
    rows = connection.execute(
        sa.select(
            *(s.subscriber_id, s.address, s.threshold, s.token, s.route, d.began_at, d.content),
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


def begin(connection: sa.Connection, period: str, one: Due, now: dt.datetime) -> bool:
    """Claim a mail before it is sent; False when its reader left or was suspended meanwhile."""
    c = subscribers.c
    query = sa.select(c.state).where(c.subscriber_id == one.subscriber_id)
    if connection.execute(query).scalar() != "active":
        return False
    values = {"state": "sending", "attempts": one.attempts + 1, "next_at": now}
    if one.began_at is not None:
        connection.execute(deliveries.update().where(_of(period, one)).values(values))
        return True
    key = {"route": one.route, "period": period, "subscriber_id": one.subscriber_id}
    values["began_at"] = now
    connection.execute(deliveries.insert().values(key | values))
    return True


def end(
    connection: sa.Connection,
    period: str,
    one: Due,
    state: str,
    code: int | None,
    now: dt.datetime,
    next_at: dt.datetime | None = None,
) -> bool:
    """Record what became of a mail; True when its subscriber is suspended by it.

    A `state` is ``sent``, ``later``, ``bounced`` or ``given up``; `code` what the server answered.
    """
    d, s = deliveries.c, subscribers.c
    ended = None if state == "later" else now
    values = {"state": state, "code": code, "ended_at": ended, "next_at": next_at or now}
    connection.execute(deliveries.update().where(_of(period, one)).values(values))
    last = connection.scalars(
        sa.select(d.state)
        .join(subscribers, s.subscriber_id == d.subscriber_id)
        # Whoever comes back from a suspension begins anew.
        .where(d.subscriber_id == one.subscriber_id, d.began_at >= s.changed_at)
        .order_by(d.began_at.desc())
        .limit(BOUNCES)
    ).all()
    if state != "bounced" or list(last) != ["bounced"] * BOUNCES:
        return False
    changed = connection.execute(
        subscribers.update()
        .where(s.subscriber_id == one.subscriber_id)
        .values(state="suspended", changed_at=now)
    )
    return bool(changed.rowcount)


def counts(connection: sa.Connection, period: str, route: str = "") -> dict[str, int]:
    """How many mails of an edition are in each state."""
    d = deliveries.c
    query = sa.select(d.state, sa.func.count()).where(d.period == period, d.route == route)
    return dict(connection.execute(query.group_by(d.state).order_by(d.state)).all())


def _edition(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Edition | None:
    query = sa.select(editions).where(which).order_by(editions.c.period.desc()).limit(1)
    row = connection.execute(query).first()
    return Edition(**row._mapping) if row else None


def _of(period: str, one: Due) -> sa.ColumnElement[bool]:
    d = deliveries.c
    return sa.and_(d.period == period, d.subscriber_id == one.subscriber_id)
