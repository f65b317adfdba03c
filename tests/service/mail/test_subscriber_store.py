from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from service.core.tables import asks, salts, unsubscribed
from service.mail import subscriber_store
from service.mail.subscriber_store import Preferences
from tests.service.support import NOW, ROUTE, run_concurrently

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
WEEKLY = "one email a week with the chances of more than 500 people"
WARNING = "an early warning when the chance of more than 500 people in a day in the next 3 days"
END = "reaches 40%, and an email when it no longer does"


def test_adding_an_address_twice_updates_one_subscriber(database):
    with database.writing() as connection:
        assert subscriber_store.add_subscriber(connection, "a@b.org", Preferences(5), NOW)
        assert not subscriber_store.add_subscriber(
            connection, "a@b.org", Preferences(6), NOW + HOUR
        )
        (subscriber,) = subscriber_store.list_subscribers(connection)
    assert subscriber.threshold == 6
    assert (subscriber.joined_at, subscriber.changed_at) == (NOW, NOW + HOUR)
    assert len(subscriber.token) == 22


def test_concurrent_requests_and_additions_of_an_address_make_one(database):
    def ask(address):
        with database.writing() as connection:
            subscriber_store.save_opt_in(connection, address, Preferences(5), NOW)

    def add(address):
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


def test_removed_subscriber_leaves_only_a_token_hash(database):
    with database.writing() as connection:
        subscriber_store.add_subscriber(connection, "a@b.org", Preferences(5), NOW)
        subscriber = subscriber_store.find_subscriber(connection, address="a@b.org")
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


def test_request_is_confirmed_once_within_48_hours(database):
    with database.writing() as connection:
        subscriber_store.save_opt_in(connection, "a@b.org", Preferences(5), NOW)
        (request,) = subscriber_store.list_due_opt_ins(connection, NOW)
        assert subscriber_store.list_due_opt_ins(connection, NOW + 48 * HOUR) == []
        token = subscriber_store.create_token(connection, request)
        opt_in = subscriber_store.find_opt_in(connection, token)
        assert opt_in and opt_in.attempts == 1
        assert not subscriber_store.confirm_opt_in(connection, opt_in, NOW + 48 * HOUR)
        assert subscriber_store.confirm_opt_in(connection, opt_in, NOW + 47 * HOUR)
        assert not subscriber_store.confirm_opt_in(connection, opt_in, NOW + 47 * HOUR)
        assert subscriber_store.create_token(connection, request) is None
        assert len(subscriber_store.list_subscribers(connection)) == 1


@pytest.mark.parametrize(
    ("preferences", "text"),
    [
        (Preferences(500), WEEKLY),
        (Preferences(1), "one email a week with the chances of more than 1 person"),
        (Preferences(500, weekly=False, warn_level=40), f"{WARNING} {END}"),
        (
            Preferences(500, warn_level=40, week_threshold=2000),
            f"{WEEKLY} and {WARNING}, or of more than 2,000 in 7 days, {END}",
        ),
    ],
)
def test_preferences_in_words(preferences, text):
    assert preferences.in_words(ROUTE.lead) == text


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
    count_request(database, NOW, network=9)
    with database.reading() as connection:
        (row,) = connection.execute(sa.select(asks))
        (salt,) = connection.execute(sa.select(salts))
    assert "network" not in str(row)
    assert set(row._fields) == {"ask_id", "who"}, "no time"
    count_request(database, NOW + DAY, network=9)
    with database.reading() as connection:
        (after,) = connection.execute(sa.select(asks))
        (new_salt,) = connection.execute(sa.select(salts))
    assert after.who != row.who
    assert new_salt.salt != salt.salt
