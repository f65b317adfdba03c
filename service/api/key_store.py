"""API keys and their scopes; only a hash of each is stored.

A key reads ``crossings_<prefix>_<secret>``. The visible prefix identifies its row; the secret has
256 random bits, so one round of SHA-256 is enough.
"""

__all__ = [
    "SCOPES",
    "Key",
    "NameTaken",
    "create_key",
    "hash_key",
    "list_keys",
    "find_key",
    "revoke_key",
    "record_use",
]

import datetime as dt
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from service.core.database import insert
from service.core.tables import keys

SCOPES = ("read", "operate")
"""``read`` allows queries; ``operate`` also allows job requests."""
_FORM = re.compile(r"crossings_([0-9a-f]{10})_[A-Za-z0-9_-]{43}")


class NameTaken(ValueError):
    """Another key has the name."""


@dataclass(frozen=True)
class Key:
    """A key without its secret."""

    key_id: int
    prefix: str
    name: str
    scope: str
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    last_used_at: dt.datetime | None

    def state(self, now: dt.datetime) -> str:
        """``active``, ``expired`` or ``revoked`` at the moment `now`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"


_SHOWN = [column for column in keys.c if column.name != "secret_hash"]


def create_key(
    connection: sa.Connection,
    name: str,
    scope: str,
    now: dt.datetime,
    expires_at: dt.datetime | None = None,
) -> str:
    """Create a key and return it in full, for the only time.

    Raises `NameTaken` if another key, revoked or not, has the name.
    """
    assert scope in SCOPES  # the command line offers no other scopes
    prefix = secrets.token_hex(5)
    key = f"crossings_{prefix}_{secrets.token_urlsafe(32)}"
    query = insert(connection, keys).values(
        prefix=prefix,
        name=name,
        scope=scope,
        secret_hash=hash_key(key),
        created_at=now,
        expires_at=expires_at,
    )
    query = query.on_conflict_do_nothing(index_elements=["name"])
    if connection.execute(query.returning(keys.c.prefix)).first() is None:
        raise NameTaken(f"a key named {name!r} already exists")
    return key


def find_key(connection: sa.Connection, presented: str) -> Key | None:
    """Return the key that matches `presented`, whatever its state; None if unknown."""
    form = _FORM.fullmatch(presented)
    if form is None:
        return None
    row = connection.execute(sa.select(keys).where(keys.c.prefix == form.group(1))).first()
    if row is None or not hmac.compare_digest(hash_key(presented), row.secret_hash):
        return None
    return Key(**{column.name: row._mapping[column] for column in _SHOWN})


def list_keys(connection: sa.Connection) -> list[Key]:
    """Return all keys in order of creation."""
    rows = connection.execute(sa.select(*_SHOWN).order_by(keys.c.key_id))
    return [Key(**row._mapping) for row in rows]


def revoke_key(connection: sa.Connection, name: str, now: dt.datetime) -> bool:
    """Revoke the key `name`; False if there is no active or expired key of that name."""
    result = connection.execute(
        keys.update()
        .where(sa.or_(keys.c.name == name, keys.c.prefix == name), keys.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    return bool(result.rowcount)


def record_use(connection: sa.Connection, key_id: int, now: dt.datetime) -> None:
    """Record that a key was used."""
    connection.execute(keys.update().where(keys.c.key_id == key_id).values(last_used_at=now))


def hash_key(key: str) -> str:
    """Return the stored hash of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
