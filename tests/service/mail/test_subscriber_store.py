import datetime as dt
from functools import partial

import pytest
import sqlalchemy as sa

from service.core.database import Unavailable
from service.core.tables import asks, salts, subscribers, unsubscribed
from service.mail import subscriber_store
from service.mail.subscriber_store import Preferences
from tests.service.support import NOW, run_concurrently

ADDRESS = "a@b.org"
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def test_nobody_else_changes_a_locked_subscriber(database):
    with database.writing() as connection:
        subscriber_store.add_subscriber(connection, ADDRESS, Preferences(6), NOW)
    with database.writing() as connection:
        subscriber_store.find_subscriber(connection, is_locked=True, address=ADDRESS)
        with pytest.raises(Unavailable), database.writing(waits=False) as other:
            other.execute(subscribers.update().values(state="suspended"))


def test_subscriber_is_confirmed_once_changed_and_removed(database):
    store = subscriber_store
    with database.writing() as connection:
        store.save_opt_in(connection, ADDRESS, Preferences(5), NOW)
        (request,) = store.list_due_opt_ins(connection, NOW)
        assert store.list_due_opt_ins(connection, NOW + 48 * HOUR) == []
        token = store.create_token(connection, request)
        opt_in = store.find_opt_in(connection, token)
        assert opt_in.attempts == 1
        assert not store.confirm_opt_in(connection, opt_in, NOW + 48 * HOUR)
        assert store.confirm_opt_in(connection, opt_in, NOW + 47 * HOUR)
        assert not store.confirm_opt_in(connection, opt_in, NOW + 47 * HOUR)
        assert store.create_token(connection, request) is None
        store.add_subscriber(connection, ADDRESS, Preferences(6), NOW + 50 * HOUR)
        (subscriber,) = store.list_subscribers(connection)
        assert (subscriber.threshold, len(subscriber.token)) == (6, 22)
        assert subscriber.joined_at == NOW + 47 * HOUR
        assert subscriber.changed_at == NOW + 50 * HOUR
        assert store.find_subscriber(connection, token=subscriber.token) == subscriber
        for _ in range(2):
            store.remove_subscriber(connection, subscriber, NOW)
        assert store.list_subscribers(connection) == []
        assert store.is_unsubscribed(connection, subscriber.token)
        assert not store.is_unsubscribed(connection, "another")
        (row,) = connection.execute(sa.select(unsubscribed))
        assert subscriber.token not in str(row)
        store.add_subscriber(connection, ADDRESS, Preferences(5), NOW)
        new = store.find_subscriber(connection, address=ADDRESS)
    assert new.token != subscriber.token
    assert new.subscriber_id != subscriber.subscriber_id


def test_concurrent_requests_and_additions_of_an_address_make_one(database):
    def save(function, address):
        with database.writing() as connection:
            function(connection, address, Preferences(5), NOW)

    for function in (subscriber_store.save_opt_in, subscriber_store.add_subscriber):
        for number in range(5):
            run_concurrently(6, partial(save, function, f"{number}@b.org"))
    with database.writing() as connection:
        assert len(subscriber_store.list_due_opt_ins(connection, NOW)) == 5
        assert len(subscriber_store.list_subscribers(connection)) == 5


def count_request(database, now, **limits):
    """Count a request by address and network; return those over their limits."""
    with database.writing() as connection:
        return subscriber_store.list_over_limit(connection, limits, now)


def test_concurrent_requests_over_the_daily_limit_are_named(database):
    for day in range(4):  # the first request of a day makes its salt
        now = NOW + day * DAY
        over = run_concurrently(8, lambda now=now: count_request(database, now, network=5))
        assert sorted(over) == [[]] * 5 + [["network"]] * 3
        assert count_request(database, now, address=1, network=9) == [], "refused: not counted"
        assert count_request(database, now, address=1, network=9) == ["address"]


def test_requests_are_stored_as_hashes_for_a_day(database):
    stored = []
    for now in (NOW, NOW + DAY):
        count_request(database, now, network=9)
        with database.reading() as connection:
            (ask,) = connection.execute(sa.select(asks))
            (salt,) = connection.execute(sa.select(salts))
        assert "network" not in str(ask)
        assert set(ask._fields) == {"ask_id", "who"}, "no time"
        stored.append((ask.who, salt.salt))
    (who, salt), (who_after, salt_after) = stored
    assert who_after != who and salt_after != salt
