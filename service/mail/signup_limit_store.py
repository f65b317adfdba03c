"""Daily limits of sign-up requests, stored as hashes with a daily salt."""

from __future__ import annotations

__all__ = ["too_often"]

import datetime as dt
import hashlib
import secrets
from collections.abc import Mapping

import sqlalchemy as sa

from service.core.tables import asks, salts

_ASKING = 0x61736B73  # any number that is always the same


def too_often(connection: sa.Connection, who: Mapping[str, int], now: dt.datetime) -> list[str]:
    """Count a request for each of `who`; return those above their daily limit.

    Parameters
    ----------
    who : mapping of str to int
        Whom to count, such as an address or a network address, and how often each may ask.
    """
    if connection.dialect.name == "postgresql":  # one at a time, as on SQLite anyway
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ASKING)))
    salt = _salt(connection, now.astimezone(dt.UTC).date())
    digests = {name: hashlib.sha256(f"{salt} {name}".encode()).hexdigest() for name in who}
    rows = connection.execute(
        sa.select(asks.c.who, sa.func.count())
        .where(asks.c.who.in_(digests.values()))
        .group_by(asks.c.who)
    )
    counted: dict[str, int] = {row[0]: row[1] for row in rows}
    over = [name for name, digest in digests.items() if counted.get(digest, 0) >= who[name]]
    if not over:
        connection.execute(asks.insert(), [{"who": digest} for digest in digests.values()])
    return over


def _salt(connection: sa.Connection, day: dt.date) -> str:
    """Return the salt of `day`; a new day deletes the previous salt and counts."""
    salt = connection.execute(sa.select(salts.c.salt).where(salts.c.day == day)).scalar()
    if salt is not None:
        return str(salt)
    connection.execute(asks.delete())
    connection.execute(salts.delete())
    fresh = secrets.token_hex(32)
    connection.execute(salts.insert().values(day=day, salt=fresh))
    return fresh
