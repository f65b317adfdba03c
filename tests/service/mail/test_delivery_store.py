from __future__ import annotations

import datetime as dt
from dataclasses import replace

import sqlalchemy as sa

from service.core import run_store
from service.core.database import Database
from service.core.tables import deliveries
from service.mail import delivery_store, subscriber_store
from service.mail.delivery_store import BOUNCES, Due, Edition
from service.mail.subscriber_store import Preferences
from tests.service.support import NOW, ROUTE, publish, random_paths

HOUR, WEEK = dt.timedelta(hours=1), dt.timedelta(weeks=1)


def freeze_edition(database: Database, number: int) -> Edition:
    """Freeze the edition of a week of 2026."""
    moment = NOW + number * WEEK
    with database.writing() as connection:
        claimed = run_store.claim_run(connection, "refit", f"week {number}", moment, ROUTE.name)
    assert claimed is not None
    issue = publish(database, {"pool": random_paths("2026-01-01", 28)}, claimed.run_id, moment)
    edition = Edition(f"2026-W{number:02}", issue.issue_id, moment, {"text": "so it is"})
    with database.writing() as connection:
        delivery_store.save_edition(connection, edition)
    return edition


def join(database: Database, *names: str, now: dt.datetime = NOW - HOUR) -> None:
    with database.writing() as connection:
        for name in names:
            subscriber_store.add_subscriber(connection, f"{name}@b.org", Preferences(5), now)


def list_due(database: Database, edition: Edition, now: dt.datetime = NOW) -> list[Due]:
    with database.reading() as connection:
        return delivery_store.list_due(connection, edition, now)


def unsubscribe(connection: sa.Connection, address: str) -> None:
    subscriber = subscriber_store.find_subscriber(connection, address=address)
    assert subscriber
    subscriber_store.remove_subscriber(connection, subscriber, NOW)


def test_frozen_editions_are_read(database: Database) -> None:
    first, second = freeze_edition(database, 1), freeze_edition(database, 2)
    with database.reading() as connection:
        assert delivery_store.get_edition(connection, "2026-W01") == first
        assert delivery_store.get_previous_edition(connection, "2026-W02") == first
        assert delivery_store.get_previous_edition(connection, "2026-W09") == second
        assert delivery_store.get_edition(connection, "2026-W09") is None
        assert delivery_store.get_previous_edition(connection, "2026-W01") is None


def test_email_is_due_until_sent(database: Database) -> None:
    edition = freeze_edition(database, 0)
    join(database, "a", "b", "c", "d")
    with database.writing() as connection:
        subscriber_store.add_subscriber(connection, "late@b.org", Preferences(5), NOW + HOUR)
    first, second, third, fourth = list_due(database, edition)
    assert (first.attempts, first.began_at) == (0, None)
    with database.writing() as connection:
        for each in (first, second, third):
            assert delivery_store.claim_email(connection, each, NOW)
        delivery_store.finish_email(connection, first, "sent", 250, NOW, NOW)
        delivery_store.finish_email(connection, second, "later", 451, NOW, NOW + HOUR)
        unsubscribe(connection, fourth.address)
        assert not delivery_store.claim_email(connection, fourth, NOW), "unsubscribed"
    (killed,) = list_due(database, edition)
    assert (killed.subscriber_id, killed.attempts, killed.began_at) == (third.subscriber_id, 1, NOW)
    assert [each.subscriber_id for each in list_due(database, edition, NOW + HOUR)] == [
        second.subscriber_id,
        third.subscriber_id,
    ]
    with database.reading() as connection:
        counts = delivery_store.count_emails(connection, edition.period)
    assert counts == {"later": 1, "sending": 1, "sent": 1}
    with database.writing() as connection:
        unsubscribe(connection, first.address)
        rows = connection.execute(sa.select(deliveries.c.subscriber_id)).scalars()
        assert sorted(rows) == [second.subscriber_id, third.subscriber_id]


def test_consecutive_bounces_suspend_subscriber(database: Database) -> None:
    join(database, "a", "b")
    for number in range(BOUNCES + 1):
        edition = freeze_edition(database, number)
        now = edition.made_at
        suspended = []
        for each in list_due(database, edition, now):
            state = "bounced" if each.address.startswith("a") else "sent"
            with database.writing() as connection:
                assert delivery_store.claim_email(connection, each, now)
                suspended.append(
                    delivery_store.finish_email(connection, each, state, 550, now, now)
                )
        expected = [[False, False], [True, False], [False]]
        assert suspended == expected[(number >= BOUNCES - 1) + (number >= BOUNCES)]
    with database.reading() as connection:
        assert [s.state for s in subscriber_store.list_subscribers(connection)] == [
            "suspended",
            "active",
        ]
    edition = freeze_edition(database, BOUNCES + 1)
    join(database, "a", now=edition.made_at - HOUR)  # which makes it active again
    now = edition.made_at
    again, _ = list_due(database, edition, now)
    with database.writing() as connection:
        assert delivery_store.claim_email(connection, again, now)
        assert not delivery_store.finish_email(connection, again, "bounced", 550, now, now)


def test_planned_warnings_are_due_and_remembered_once_sent(database: Database) -> None:
    edition = replace(freeze_edition(database, 0), period="2026-01-02", kind="warning")
    preferences = Preferences(5, weekly=False, warn_level=40)
    with database.writing() as connection:
        for name in ("a", "b", "c", "d"):
            subscriber_store.add_subscriber(connection, f"{name}@b.org", preferences, NOW - HOUR)
        numbers = [s.subscriber_id for s in subscriber_store.list_subscribers(connection)]
        delivery_store.save_edition(connection, edition)
        mails = {number: {"state": "warning"} for number in numbers[:3]}
        delivery_store.plan_emails(connection, edition, mails)
        delivery_store.plan_emails(connection, edition, {})
    first, second, third = list_due(database, edition)
    assert first.content == second.content == third.content == {"state": "warning"}
    with database.writing() as connection:
        for each in (first, second):
            assert delivery_store.claim_email(connection, each, NOW)
        delivery_store.finish_email(connection, first, "sent", 250, NOW, NOW)
        assert delivery_store.get_last_states(connection) == {first.subscriber_id: "warning"}
        changed = replace(preferences, threshold=6)
        subscriber_store.add_subscriber(connection, first.address, changed, NOW + HOUR)
        assert delivery_store.get_last_states(connection) == {}, "reset by new preferences"
        subscriber_store.add_subscriber(connection, second.address, Preferences(5), NOW)
        subscriber_store.add_subscriber(connection, third.address, changed, NOW + HOUR)
        weekly = delivery_store.get_edition(connection, "2026-W00")
        assert weekly and delivery_store.get_previous_edition(connection, "2026-W09") == weekly
        assert delivery_store.get_previous_edition(connection, "2026-W00") is None
    assert list_due(database, edition) == [], "no longer subscribed to these warnings"
