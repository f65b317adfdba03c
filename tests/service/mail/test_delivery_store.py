from __future__ import annotations

import datetime as dt
from dataclasses import replace

import sqlalchemy as sa

from service.core import run_store
from service.core.database import Database
from service.mail import delivery_store, subscriber_store
from service.mail.delivery_store import BOUNCES, Due, Edition
from service.mail.subscriber_store import Preferences
from tests.service.support import NOW, ROUTE, publish, random_paths

HOUR, WEEK = dt.timedelta(hours=1), dt.timedelta(weeks=1)


def edition(database: Database, number: int) -> Edition:
    """The edition of a week of 2026, frozen; its readers joined an hour before."""
    moment = NOW + number * WEEK
    with database.writing() as connection:
        claimed = run_store.claim(connection, "refit", f"week {number}", moment, ROUTE.name)
    assert claimed is not None
    issue = publish(database, {"pool": random_paths("2026-01-01", 28)}, claimed.run_id, moment)
    made = Edition(f"2026-W{number:02}", issue.issue_id, moment, {"text": "so it is"})
    with database.writing() as connection:
        delivery_store.freeze(connection, made)
    return made


def join(database: Database, *names: str) -> None:
    with database.writing() as connection:
        for name in names:
            subscriber_store.add(connection, f"{name}@b.org", Preferences(5), NOW - HOUR)


def due(database: Database, of: Edition, now: dt.datetime = NOW) -> list[Due]:
    with database.reading() as connection:
        return delivery_store.due(connection, of, now)


def test_an_edition_is_frozen_and_found(database: Database) -> None:
    first, second = edition(database, 1), edition(database, 2)
    with database.reading() as connection:
        assert delivery_store.edition(connection, "2026-W01") == first
        assert delivery_store.before(connection, "2026-W02") == first
        assert delivery_store.before(connection, "2026-W09") == second
        assert delivery_store.edition(connection, "2026-W09") is None
        assert delivery_store.before(connection, "2026-W01") is None


def test_a_mail_is_due_until_it_is_sent(database: Database) -> None:
    of = edition(database, 0)
    join(database, "a", "b", "c", "d")
    with database.writing() as connection:
        subscriber_store.add(connection, "late@b.org", Preferences(5), NOW + HOUR)
    one, two, three, four = due(database, of)
    assert (one.attempts, one.began_at) == (0, None)
    with database.writing() as connection:
        for each in (one, two, three):
            assert delivery_store.begin(connection, of.period, each, NOW)
        delivery_store.end(connection, of.period, one, "sent", 250, NOW)
        delivery_store.end(connection, of.period, two, "later", 451, NOW, NOW + HOUR)
        found = subscriber_store.find(connection, address=four.address)
        assert found
        subscriber_store.remove(connection, found, NOW)
        assert not delivery_store.begin(connection, of.period, four, NOW), "who left meanwhile"
    (killed,) = due(database, of)
    assert (killed.subscriber_id, killed.attempts, killed.began_at) == (three.subscriber_id, 1, NOW)
    assert [each.subscriber_id for each in due(database, of, NOW + HOUR)] == [
        two.subscriber_id,
        three.subscriber_id,
    ]
    with database.reading() as connection:
        assert delivery_store.counts(connection, of.period) == {"later": 1, "sending": 1, "sent": 1}


def test_so_many_bounces_in_a_row_suspend(database: Database) -> None:
    join(database, "a", "b")
    for number in range(BOUNCES + 1):
        of = edition(database, number)
        suspended = []
        for each in due(database, of, of.made_at):
            state = "bounced" if each.address.startswith("a") else "sent"
            with database.writing() as connection:
                assert delivery_store.begin(connection, of.period, each, of.made_at)
                done = delivery_store.end(connection, of.period, each, state, 550, of.made_at)
            suspended.append(done)
        expected = [[False, False], [True, False], [False]]
        assert suspended == expected[(number >= BOUNCES - 1) + (number >= BOUNCES)]
    with database.reading() as connection:
        assert [s.state for s in subscriber_store.everybody(connection)] == ["suspended", "active"]


def test_leaving_deletes_what_became_of_the_mails(database: Database) -> None:
    of = edition(database, 0)
    join(database, "a")
    (one,) = due(database, of)
    with database.writing() as connection:
        delivery_store.begin(connection, of.period, one, NOW)
        found = subscriber_store.find(connection, address=one.address)
        assert found
        subscriber_store.remove(connection, found, NOW)
        rows = connection.scalar(sa.select(sa.func.count()).select_from(delivery_store.deliveries))
    assert rows == 0


def test_early_warnings_are_due_to_those_who_are_planned_and_remembered_once_sent(
    database: Database,
) -> None:
    of = replace(edition(database, 0), period="2026-01-02", kind="warning")
    preferences = Preferences(5, weekly=False, warn_level=40)
    with database.writing() as connection:
        for name in ("a", "b", "c"):
            subscriber_store.add(connection, f"{name}@b.org", preferences, NOW - HOUR)
        numbers = [one.subscriber_id for one in subscriber_store.everybody(connection)]
        delivery_store.freeze(connection, of)
        mails = {number: {"state": "warning"} for number in numbers[:2]}
        delivery_store.plan(connection, of, mails)
        delivery_store.plan(connection, of, {})
    assert [one.content for one in due(database, of)] == [{"state": "warning"}] * 2
    one, two = due(database, of)
    with database.writing() as connection:
        for each in (one, two):
            assert delivery_store.begin(connection, of.period, each, NOW)
        delivery_store.end(connection, of.period, one, "sent", 250, NOW)
        assert delivery_store.last_states(connection) == {one.subscriber_id: "warning"}
        changed = replace(preferences, threshold=6)
        subscriber_store.add(connection, one.address, changed, NOW + HOUR)
        assert delivery_store.last_states(connection) == {}, "who changes it begins anew"
        subscriber_store.add(connection, two.address, Preferences(5), NOW)
        weekly = delivery_store.edition(connection, "2026-W00")
        assert weekly and delivery_store.before(connection, "2026-W09") == weekly
        assert delivery_store.before(connection, "2026-W00") is None
    assert due(database, of) == [], "who wants none any more gets none"
