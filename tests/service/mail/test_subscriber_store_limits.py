from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from service.core.database import Database
from service.core.tables import asks as table
from service.core.tables import salts
from service.mail import subscriber_store
from tests.service.support import NOW, at_once

DAY = dt.timedelta(days=1)


def ask(database: Database, now: dt.datetime, **who: int) -> list[str]:
    with database.writing() as connection:
        return subscriber_store.too_often(connection, who, now)


def test_who_asks_more_often_than_a_day_allows_is_named(database: Database) -> None:
    assert ask(database, NOW, address=2, network=9) == []
    assert ask(database, NOW, address=2, network=9) == []
    assert ask(database, NOW, address=2, network=9) == ["address"]
    assert ask(database, NOW, network=9) == []
    assert ask(database, NOW + DAY, address=2) == [], "a new day knows nobody"


def test_many_who_ask_at_the_same_moment_are_counted(database: Database) -> None:
    for day in range(4):  # the first of a day makes its salt
        now = NOW + day * DAY
        over = at_once(8, lambda now=now: ask(database, now, network=5))
        assert sorted(over) == [[]] * 5 + [["network"]] * 3


def test_nobody_is_named_in_the_store_and_a_day_is_forgotten(database: Database) -> None:
    ask(database, NOW, network=9)
    with database.reading() as connection:
        (row,) = connection.execute(sa.select(table))
        (salt,) = connection.execute(sa.select(salts))
    assert "network" not in str(row)
    assert set(row._fields) == {"ask_id", "who"}, "not when, either"
    ask(database, NOW + DAY, network=9)
    with database.reading() as connection:
        (after,) = connection.execute(sa.select(table))
        (fresh,) = connection.execute(sa.select(salts))
    assert after.who != row.who
    assert fresh.salt != salt.salt
