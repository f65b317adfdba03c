import datetime as dt
from dataclasses import replace

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
    if warnings is not None:
        edition = replace(edition, period=str(moment.date()), kind="warning")
    with database.writing() as connection:
        readers = subscriber_store.list_subscribers(connection, state="active")
        ids = {reader.address: reader.subscriber_id for reader in readers}
        mails = dict.fromkeys(ids) if warnings is None else warnings
        mails = {ids[address]: content for address, content in mails.items()}
        delivery_store.save_edition(connection, edition, mails)
    return edition


def join(database, *names, preferences=WEEKLY, now=NOW - HOUR):
    with database.writing() as connection:
        for name in names:
            subscriber_store.add_subscriber(connection, f"{name}@b.org", preferences, now)


def list_due(database, edition, now=NOW):
    with database.reading() as connection:
        return delivery_store.list_due(connection, edition, now)


def finish(database, email, state, now):
    """Claim and finish an email; return whether this suspends its subscriber."""
    with database.writing() as connection:
        assert delivery_store.claim_email(connection, email, now)
        return delivery_store.finish_email(connection, email, state, 550, now, now)


def unsubscribe(connection, address):
    subscriber = subscriber_store.find_subscriber(connection, address=address)
    subscriber_store.remove_subscriber(connection, subscriber)


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
    later = [each.subscriber_id for each in list_due(database, edition, NOW + HOUR)]
    assert later == [second.subscriber_id, third.subscriber_id]
    counts = {"later": 1, "sending": 1, "waiting": 1}
    with database.writing() as connection:
        assert delivery_store.count_emails(connection, edition.period) == counts | {"sent": 1}
        unsubscribe(connection, first.address)
        assert delivery_store.count_emails(connection, edition.period) == counts


def test_consecutive_bounces_suspend_subscriber(database):
    join(database, "a", "b")
    unsent = freeze_edition(database, 50)
    editions = []
    for number in range(BOUNCES + 1):
        edition = freeze_edition(database, number)
        editions.append(edition)
        now = edition.made_at
        suspended = {}
        for each in list_due(database, edition, now):
            state = "bounced" if each.address == "a@b.org" else "sent"
            suspended[each.address] = finish(database, each, state, now)
        expected = {"b@b.org": False}
        if number < BOUNCES:
            expected["a@b.org"] = number == BOUNCES - 1
        assert suspended == expected
    with database.reading() as connection:
        states = [one.state for one in subscriber_store.list_subscribers(connection)]
        frozen = [delivery_store.get_edition(connection, f"2026-W0{week}") for week in (3, 9)]
        previous = [
            delivery_store.get_previous_edition(connection, f"2026-W0{week}") for week in (0, 3, 9)
        ]
    assert states == ["suspended", "active"]
    assert (frozen, previous) == ([editions[3], None], [None, *editions[2:]])
    assert [each.address for each in list_due(database, unsent, unsent.made_at)] == ["b@b.org"]
    now = NOW + (BOUNCES + 1) * WEEK
    join(database, "a", now=now - HOUR)  # which makes it active again
    edition = freeze_edition(database, BOUNCES + 1)
    again, _ = list_due(database, edition, now)
    assert not finish(database, again, "bounced", now)


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
    finish(database, first, "sent", now)
    with database.writing() as connection:
        assert delivery_store.claim_email(connection, second, now)
        assert delivery_store.get_last_states(connection) == {first.subscriber_id: "warning"}
        assert delivery_store.get_previous_edition(connection, "2026-W09") == weekly
    join(database, "a", preferences=replace(preferences, threshold=6), now=now + HOUR)
    with database.reading() as connection:
        assert delivery_store.get_last_states(connection) == {}, "reset by new preferences"
    join(database, "b", now=now)
    join(database, "c", preferences=replace(preferences, threshold=6), now=now + HOUR)
    assert list_due(database, edition, now) == [], "no longer subscribed to these warnings"
