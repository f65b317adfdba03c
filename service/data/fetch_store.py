"""What sites said of their answers, so that they can say that nothing changed since."""

from __future__ import annotations

__all__ = ["known", "remember"]

import datetime as dt
from collections.abc import Mapping

import sqlalchemy as sa

from service.core.tables import fetches
from service.data.source import Validators

_LONGEST_ADDRESS = 500


def known(connection: sa.Connection) -> dict[str, Validators]:
    """For each address its (etag, last_modified)."""
    rows = connection.execute(sa.select(fetches.c.url, fetches.c.etag, fetches.c.last_modified))
    return {row.url: (row.etag, row.last_modified) for row in rows}


def remember(
    connection: sa.Connection, validators: Mapping[str, Validators], now: dt.datetime
) -> None:
    """Keep `validators`, in place of what was kept for the same addresses."""
    rows = [
        {
            "url": url,
            "etag": etag,
            "last_modified": last_modified,
            "fetched_at": now,
        }
        for url, (etag, last_modified) in validators.items()
        if len(url) <= _LONGEST_ADDRESS
    ]
    if rows:
        where = fetches.c.url == sa.bindparam("gone")
        connection.execute(fetches.delete().where(where), [{"gone": row["url"]} for row in rows])
        connection.execute(fetches.insert(), rows)
