import datetime as dt
from functools import partial

import sqlalchemy as sa

from service.core.tables import opt_ins
from service.mail import subscriber_store
from service.mail.subscriber_store import Preferences
from tests.service.support import NOW, run_concurrently

ADDRESS = "a@b.org"
HOUR = dt.timedelta(hours=1)


def test_subscriber_is_confirmed_once_changed_and_removed(database):
    store = subscriber_store
    with database.writing() as connection:
        store.save_opt_in(connection, ADDRESS, Preferences(5), NOW)
        (request,) = store.list_due_opt_ins(connection, NOW)
        token = store.create_token(connection, request)
        opt_in = store.find_opt_in(connection, token, NOW + 47 * HOUR)
        assert opt_in.attempts == 1
        assert not store.find_opt_in(connection, token, NOW + 48 * HOUR)
        assert not store.confirm_opt_in(connection, token, NOW + 48 * HOUR)
        assert store.confirm_opt_in(connection, token, NOW + 47 * HOUR) == opt_in
        assert not store.confirm_opt_in(connection, token, NOW + 47 * HOUR)
        assert store.create_token(connection, request) is None
        store.add_subscriber(connection, ADDRESS, Preferences(6), NOW + 50 * HOUR)
        (subscriber,) = store.list_subscribers(connection)
        assert (subscriber.threshold, len(subscriber.token)) == (6, 22)
        assert subscriber.joined_at == NOW + 47 * HOUR
        assert subscriber.changed_at == NOW + 50 * HOUR
        assert store.find_subscriber(connection, token=subscriber.token) == subscriber
        for _ in range(2):
            store.remove_subscriber(connection, subscriber)
        assert store.list_subscribers(connection) == []
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


def test_expired_request_is_deleted(database):
    with database.writing() as connection:
        subscriber_store.save_opt_in(connection, ADDRESS, Preferences(5), NOW)
        for hours, n_left in ((47, 1), (48, 0)):
            subscriber_store.list_due_opt_ins(connection, NOW + hours * HOUR)
            assert len(connection.execute(sa.select(opt_ins)).all()) == n_left
