"""What whoever is told of alarms has been told: each that began, and each that ended, once."""

from __future__ import annotations

__all__ = ["Event", "failed", "posted", "prune", "record", "standing", "waiting"]

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from service.store.tables import alarm_events


@dataclass(frozen=True)
class Event:
    """An alarm that began, or ended.

    Attributes
    ----------
    message_id : str
        The same however often it is posted.
    event : str
        ``began`` or ``ended``.
    alarm : dict
        As it was said; of one that ended, as it was said when it began.
    attempts : int
        How often it was posted in vain.
    """

    event_id: int
    message_id: str
    event: str
    alarm: dict[str, Any]
    made_at: dt.datetime
    attempts: int
    next_at: dt.datetime


def standing(connection: sa.Connection) -> dict[tuple[str, str], dict[str, Any]]:
    """The alarms of which it was recorded that they began and not that they ended."""
    c = alarm_events.c
    rows = connection.execute(
        sa.select(c.name, c.series_id, c.alarm).where(c.event_id.in_(_last()), c.event == "began")
    )
    return {(row.name, row.series_id): row.alarm for row in rows}


def record(connection: sa.Connection, event: str, alarm: dict[str, Any], now: dt.datetime) -> None:
    """Record that an alarm began or ended; a part of the caller's transaction."""
    c = alarm_events.c
    name, series_id = alarm["name"], alarm["series_id"] or ""
    before = connection.scalar(
        sa.select(sa.func.max(c.event_id)).where(c.name == name, c.series_id == series_id)
    )
    # Of the one before, so that two who find the same cannot both record it; that one is never
    # deleted before this one is there, so that no id comes twice.
    digest = hashlib.sha256(f"{name} {series_id} after {before or 0}".encode()).hexdigest()
    connection.execute(
        alarm_events.insert().values(
            message_id=f"alarm_{digest[:24]}",
            name=name,
            series_id=series_id,
            event=event,
            alarm=alarm,
            made_at=now,
            attempts=0,
            next_at=now,
        )
    )


def waiting(connection: sa.Connection) -> list[Event]:
    """What is still to be posted, in the order in which it happened."""
    c = alarm_events.c
    columns = [getattr(c, name) for name in Event.__dataclass_fields__]
    rows = connection.execute(sa.select(*columns).where(c.ended_at.is_(None)).order_by(c.event_id))
    return [Event(**row._mapping) for row in rows]


def posted(connection: sa.Connection, event: Event, outcome: str, now: dt.datetime) -> None:
    """Record that nothing more is to be done: ``posted``, or ``given up``."""
    _set(connection, event, outcome=outcome, ended_at=now)


def failed(connection: sa.Connection, event: Event, next_at: dt.datetime) -> None:
    """Record an attempt in vain, and when the next one is due."""
    _set(connection, event, attempts=event.attempts + 1, next_at=next_at)


def prune(connection: sa.Connection, before: dt.datetime) -> int:
    """Delete what was posted or given up before that moment, but for the last of each alarm."""
    c = alarm_events.c
    old = sa.and_(c.ended_at < before, c.event_id.not_in(_last()))
    return int(connection.execute(alarm_events.delete().where(old)).rowcount)


def _last() -> sa.Select[tuple[int]]:
    """The last event of each alarm."""
    c = alarm_events.c
    return sa.select(sa.func.max(c.event_id)).group_by(c.name, c.series_id)


def _set(connection: sa.Connection, event: Event, **values: Any) -> None:
    connection.execute(
        alarm_events.update().where(alarm_events.c.event_id == event.event_id).values(**values)
    )
