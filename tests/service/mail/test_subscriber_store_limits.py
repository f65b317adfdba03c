from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from service.core.database import Database
from service.core.tables import asks as table
from service.core.tables import salts
from service.mail import subscriber_store
from tests.service.support import NOW, run_concurrently

DAY = dt.timedelta(days=1)


def count_request(database: Database, now: dt.datetime, **limits: int) -> list[str]:
    """Count a request by address and network; return those over their limits."""
    with database.writing() as connection:
        return subscriber_store.list_over_limit(connection, limits, now)


def test_requests_over_the_daily_limit_are_named(database: Database) -> None:
    assert count_request(database, NOW, address=2, network=9) == []
    assert count_request(database, NOW, address=2, network=9) == []
    assert count_request(database, NOW, address=2, network=9) == ["address"]
    assert count_request(database, NOW, network=3) == [], "a refused request does not count"
    assert count_request(database, NOW + DAY, address=2) == []


def test_concurrent_requests_are_counted(database: Database) -> None:
    for day in range(4):  # the first request of a day makes its salt
        now = NOW + day * DAY
        over = run_concurrently(8, lambda now=now: count_request(database, now, network=5))
        assert sorted(over) == [[]] * 5 + [["network"]] * 3


def test_requests_are_stored_as_hashes_for_a_day(database: Database) -> None:
    count_request(database, NOW, network=9)
    with database.reading() as connection:
        (row,) = connection.execute(sa.select(table))
        (salt,) = connection.execute(sa.select(salts))
    assert "network" not in str(row)
    assert set(row._fields) == {"ask_id", "who"}, "no time"
    count_request(database, NOW + DAY, network=9)
    with database.reading() as connection:
        (after,) = connection.execute(sa.select(table))
        (new_salt,) = connection.execute(sa.select(salts))
    assert after.who != row.who
    assert new_salt.salt != salt.salt
