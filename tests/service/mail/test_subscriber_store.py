from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from service.core.database import Database
from service.core.tables import unsubscribed
from service.mail import subscriber_store
from service.mail.subscriber_store import Preferences
from tests.service.support import NOW, at_once

HOUR = dt.timedelta(hours=1)


def test_an_address_is_one_subscriber(database: Database) -> None:
    with database.writing() as connection:
        assert subscriber_store.add(connection, "a@b.org", Preferences(5), NOW)
        assert not subscriber_store.add(connection, "a@b.org", Preferences(6), NOW + HOUR)
        (one,) = subscriber_store.everybody(connection)
    assert (one.threshold, one.joined_at, one.changed_at) == (6, NOW, NOW + HOUR)
    assert len(one.token) == 22


def test_an_address_is_asked_for_and_added_by_many_at_the_same_moment(database: Database) -> None:
    def ask(address: str) -> None:
        with database.writing() as connection:
            subscriber_store.ask(connection, address, Preferences(5), NOW)

    def add(address: str) -> bool:
        with database.writing() as connection:
            return subscriber_store.add(connection, address, Preferences(5), NOW)

    for number in range(5):
        address = f"{number}@b.org"
        at_once(6, lambda address=address: ask(address))
        with database.writing() as connection:
            assert len(subscriber_store.waiting(connection, NOW)) == number + 1
        assert sorted(at_once(6, lambda address=address: add(address))) == [False] * 5 + [True]
    with database.reading() as connection:
        assert len(subscriber_store.everybody(connection)) == 5


def test_who_left_leaves_a_hash_and_nothing_else(database: Database) -> None:
    with database.writing() as connection:
        subscriber_store.add(connection, "a@b.org", Preferences(5), NOW)
        one = subscriber_store.find(connection, address="a@b.org")
        assert one and subscriber_store.find(connection, token=one.token) == one
        subscriber_store.remove(connection, one, NOW)
        subscriber_store.remove(connection, one, NOW)
        assert subscriber_store.everybody(connection) == []
        assert subscriber_store.is_unsubscribed(connection, one.token)
        assert not subscriber_store.is_unsubscribed(connection, "another")
        (row,) = connection.execute(sa.select(unsubscribed))
        assert one.token not in str(row)
        subscriber_store.add(connection, "a@b.org", Preferences(5), NOW)
        again = subscriber_store.find(connection, address="a@b.org")
    assert again and again.token != one.token
    assert again.subscriber_id != one.subscriber_id


def test_a_request_is_confirmed_once_and_in_time(database: Database) -> None:
    with database.writing() as connection:
        subscriber_store.ask(connection, "a@b.org", Preferences(5), NOW)
        (asked,) = subscriber_store.waiting(connection, NOW)
        token = subscriber_store.tokenise(connection, asked)
        assert token is not None
        found = subscriber_store.opt_in_of(connection, token)
        assert found and found.attempts == 1
        assert not subscriber_store.confirm(connection, found, NOW + 48 * HOUR)
        assert subscriber_store.confirm(connection, found, NOW + 47 * HOUR)
        assert not subscriber_store.confirm(connection, found, NOW + 47 * HOUR)
        assert subscriber_store.tokenise(connection, asked) is None
        assert len(subscriber_store.everybody(connection)) == 1
