from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from service.core.tables import deliveries
from service.mail import delivery_store, subscriber_store
from service.mail.delivery_store import BOUNCES, Edition
from service.mail.subscriber_store import Preferences
from tests.service.support import NOW, publish, random_paths, record_run

WEEKLY = Preferences(5)
HOUR, WEEK = dt.timedelta(hours=1), dt.timedelta(weeks=1)


def freeze_edition(database, number, warnings=None):
    """Freeze the edition of a week of 2026 for all active readers, or the early warnings given."""
    moment = NOW + number * WEEK
    run_id = record_run(database, f"week {number}", moment)
    issue = publish(database, {"pool": random_paths("2026-01-01", 28)}, run_id, moment)
    edition = Edition(f"2026-W{number:02}", issue.issue_id, moment, {"text": "so it is"})
    mails: dict[int, dict[str, Any] | None]
    with database.writing() as connection:
        readers = subscriber_store.list_subscribers(connection, state="active")
        if warnings is None:
            mails = dict.fromkeys(reader.subscriber_id for reader in readers)
        else:
            edition = replace(edition, period=str(moment.date()), kind="warning")
            ids = {reader.address: reader.subscriber_id for reader in readers}
            mails = {ids[address]: content for address, content in warnings.items()}
        delivery_store.save_edition(connection, edition, mails)
    return edition


def join(
    database,
    *names,
    preferences=WEEKLY,
    now=NOW - HOUR,
):
    with database.writing() as connection:
        for name in names:
            subscriber_store.add_subscriber(connection, f"{name}@b.org", preferences, now)


def list_due(database, edition, now=NOW):
    with database.reading() as connection:
        return delivery_store.list_due(connection, edition, now)


def unsubscribe(connection, address):
    subscriber = subscriber_store.find_subscriber(connection, address=address)
    subscriber_store.remove_subscriber(connection, subscriber, NOW)


def test_frozen_editions_are_read(database):
    first, second = freeze_edition(database, 1), freeze_edition(database, 2)
    with database.reading() as connection:
        assert delivery_store.get_edition(connection, "2026-W01") == first
        assert delivery_store.get_previous_edition(connection, "2026-W02") == first
        assert delivery_store.get_previous_edition(connection, "2026-W09") == second
        assert delivery_store.get_edition(connection, "2026-W09") is None
        assert delivery_store.get_previous_edition(connection, "2026-W01") is None


def test_email_is_due_until_sent(database):
    join(database, "a", "b", "c", "d", "e")
    edition = freeze_edition(database, 0)
    join(database, "late")
    join(database, "e", preferences=Preferences(5, weekly=False, warn_level=9))
    first, second, third, fourth = list_due(database, edition)
    assert first.attempts == 0
    with database.writing() as connection:
        for each in (first, second, third):
            assert delivery_store.claim_email(connection, each, NOW)
        delivery_store.finish_email(connection, first, "sent", 250, NOW, NOW)
        delivery_store.finish_email(connection, second, "later", 451, NOW, NOW + HOUR)
        unsubscribe(connection, fourth.address)
        assert not delivery_store.claim_email(connection, fourth, NOW), "unsubscribed"
    (killed,) = list_due(database, edition)
    assert (killed.subscriber_id, killed.attempts) == (third.subscriber_id, 1)
    assert [each.subscriber_id for each in list_due(database, edition, NOW + HOUR)] == [
        second.subscriber_id,
        third.subscriber_id,
    ]
    with database.reading() as connection:
        counts = delivery_store.count_emails(connection, edition.period)
    assert counts == {"later": 1, "sending": 1, "sent": 1, "waiting": 1}
    with database.writing() as connection:
        unsubscribe(connection, first.address)
        rows = connection.execute(sa.select(deliveries.c.state)).scalars()
        assert sorted(rows) == ["later", "sending", "waiting"]


def test_consecutive_bounces_suspend_subscriber(database):
    join(database, "a", "b")
    unsent = freeze_edition(database, 50)
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
    assert [each.address for each in list_due(database, unsent, unsent.made_at)] == ["b@b.org"]
    now = NOW + (BOUNCES + 1) * WEEK
    join(database, "a", now=now - HOUR)  # which makes it active again
    edition = freeze_edition(database, BOUNCES + 1)
    again, _ = list_due(database, edition, now)
    with database.writing() as connection:
        assert delivery_store.claim_email(connection, again, now)
        assert not delivery_store.finish_email(connection, again, "bounced", 550, now, now)


def test_warnings_are_due_and_remembered_once_sent(database):
    preferences = Preferences(5, weekly=False, warn_level=40)
    join(database, "a", "b", "c", "d", preferences=preferences)
    weekly = freeze_edition(database, 0)
    warning = {"state": "warning"}
    edition = freeze_edition(database, 1, {f"{name}@b.org": warning for name in "abc"})
    now = edition.made_at
    assert list_due(database, weekly, now) == []
    first, second, third = list_due(database, edition, now)
    assert first.content == second.content == third.content == warning
    with database.writing() as connection:
        for each in (first, second):
            assert delivery_store.claim_email(connection, each, now)
        delivery_store.finish_email(connection, first, "sent", 250, now, now)
        assert delivery_store.get_last_states(connection) == {first.subscriber_id: "warning"}
        assert delivery_store.get_previous_edition(connection, "2026-W09") == weekly
    join(database, "a", preferences=replace(preferences, threshold=6), now=now + HOUR)
    with database.reading() as connection:
        assert delivery_store.get_last_states(connection) == {}, "reset by new preferences"
    join(database, "b", now=now)
    join(database, "c", preferences=replace(preferences, threshold=6), now=now + HOUR)
    assert list_due(database, edition, now) == [], "no longer subscribed to these warnings"
