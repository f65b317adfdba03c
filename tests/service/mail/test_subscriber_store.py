from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from service.core.database import Database
from service.core.tables import unsubscribed
from service.mail import subscriber_store
from service.mail.subscriber_store import Preferences
from tests.service.support import NOW, run_concurrently

HOUR = dt.timedelta(hours=1)


def test_adding_an_address_twice_updates_one_subscriber(database: Database) -> None:
    with database.writing() as connection:
        assert subscriber_store.add_subscriber(connection, "a@b.org", Preferences(5), NOW)
        assert not subscriber_store.add_subscriber(
            connection, "a@b.org", Preferences(6), NOW + HOUR
        )
        (subscriber,) = subscriber_store.list_subscribers(connection)
    assert subscriber.threshold == 6
    assert (subscriber.joined_at, subscriber.changed_at) == (NOW, NOW + HOUR)
    assert len(subscriber.token) == 22


def test_concurrent_requests_and_additions_of_an_address_make_one(database: Database) -> None:
    def ask(address: str) -> None:
        with database.writing() as connection:
            subscriber_store.save_opt_in(connection, address, Preferences(5), NOW)

    def add(address: str) -> bool:
        with database.writing() as connection:
            return subscriber_store.add_subscriber(connection, address, Preferences(5), NOW)

    for number in range(5):
        address = f"{number}@b.org"
        run_concurrently(6, lambda address=address: ask(address))
        with database.writing() as connection:
            assert len(subscriber_store.list_due_opt_ins(connection, NOW)) == number + 1
        assert sorted(run_concurrently(6, lambda address=address: add(address))) == [False] * 5 + [
            True
        ]
    with database.reading() as connection:
        assert len(subscriber_store.list_subscribers(connection)) == 5


def test_removed_subscriber_leaves_only_a_token_hash(database: Database) -> None:
    with database.writing() as connection:
        subscriber_store.add_subscriber(connection, "a@b.org", Preferences(5), NOW)
        subscriber = subscriber_store.find_subscriber(connection, address="a@b.org")
        assert subscriber
        assert subscriber_store.find_subscriber(connection, token=subscriber.token) == subscriber
        subscriber_store.remove_subscriber(connection, subscriber, NOW)
        subscriber_store.remove_subscriber(connection, subscriber, NOW)
        assert subscriber_store.list_subscribers(connection) == []
        assert subscriber_store.is_unsubscribed(connection, subscriber.token)
        assert not subscriber_store.is_unsubscribed(connection, "another")
        (row,) = connection.execute(sa.select(unsubscribed))
        assert subscriber.token not in str(row)
        subscriber_store.add_subscriber(connection, "a@b.org", Preferences(5), NOW)
        new = subscriber_store.find_subscriber(connection, address="a@b.org")
    assert new and new.token != subscriber.token
    assert new.subscriber_id != subscriber.subscriber_id


def test_request_is_confirmed_once_within_48_hours(database: Database) -> None:
    with database.writing() as connection:
        subscriber_store.save_opt_in(connection, "a@b.org", Preferences(5), NOW)
        (request,) = subscriber_store.list_due_opt_ins(connection, NOW)
        assert subscriber_store.list_due_opt_ins(connection, NOW + 48 * HOUR) == []
        token = subscriber_store.create_token(connection, request)
        assert token is not None
        opt_in = subscriber_store.find_opt_in(connection, token)
        assert opt_in and opt_in.attempts == 1
        assert not subscriber_store.confirm_opt_in(connection, opt_in, NOW + 48 * HOUR)
        assert subscriber_store.confirm_opt_in(connection, opt_in, NOW + 47 * HOUR)
        assert not subscriber_store.confirm_opt_in(connection, opt_in, NOW + 47 * HOUR)
        assert subscriber_store.create_token(connection, request) is None
        assert len(subscriber_store.list_subscribers(connection)) == 1
