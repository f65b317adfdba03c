from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from service.store import alarm_events as store
from service.store.database import Database
from tests.service.support import NOW

HOUR = dt.timedelta(hours=1)


def alarm(name: str, series_id: str | None = "people") -> dict[str, Any]:
    return {"name": name, "series_id": series_id, "detail": "so it is", "numbers": {"n": 1}}


def record(database: Database, event: str, *which: Any) -> None:
    with database.writing() as connection:
        store.record(connection, event, alarm(*which), NOW)


def test_what_began_stands_until_it_ends_and_may_begin_again(database: Database) -> None:
    record(database, "began", "pit_mean")
    record(database, "began", "pit_mean", "boats")
    record(database, "began", "issues_late", None)
    record(database, "ended", "pit_mean")
    with database.reading() as connection:
        assert store.standing(connection) == {
            ("pit_mean", "boats"): alarm("pit_mean", "boats"),
            ("issues_late", ""): alarm("issues_late", None),
        }
    record(database, "began", "pit_mean")
    with database.reading() as connection:
        assert len(store.standing(connection)) == 3
        waiting = store.waiting(connection)
    assert [event.event for event in waiting] == ["began", "began", "began", "ended", "began"]
    assert len({event.message_id for event in waiting}) == 5


def test_the_same_is_not_recorded_twice_by_two_who_find_it_at_once(database: Database) -> None:
    with database.engine.connect() as other:
        empty = other.execution_options(isolation_level="AUTOCOMMIT")
        record(database, "began", "pit_mean")
        with database.reading() as connection:
            (event,) = store.waiting(connection)
        values = vars(event) | {"name": "pit_mean", "series_id": "people"}
        del values["event_id"]
        with pytest.raises(sa.exc.IntegrityError):
            empty.execute(store.alarm_events.insert().values(**values))


def test_what_is_posted_or_given_up_waits_no_more(database: Database) -> None:
    record(database, "began", "pit_mean")
    record(database, "ended", "pit_mean")
    with database.writing() as connection:
        first, second = store.waiting(connection)
        store.posted(connection, first, "posted", NOW)
        store.failed(connection, second, NOW + HOUR)
    with database.writing() as connection:
        (again,) = store.waiting(connection)
        assert (again.event_id, again.attempts) == (second.event_id, 1)
        assert (again.made_at, again.next_at) == (NOW, NOW + HOUR)
        store.posted(connection, again, "given up", NOW)
    with database.reading() as connection:
        assert store.waiting(connection) == []


def test_old_events_are_deleted_but_for_the_last_of_each_and_no_id_comes_again(
    database: Database,
) -> None:
    ids = set[str]()

    def post_all() -> None:
        with database.writing() as connection:
            for event in store.waiting(connection):
                assert event.message_id not in ids
                ids.add(event.message_id)
                store.posted(connection, event, "posted", NOW)

    record(database, "began", "issues_late", None)
    for _ in range(3):
        record(database, "began", "pit_mean")
        record(database, "ended", "pit_mean")
        post_all()
        with database.writing() as connection:
            assert store.prune(connection, NOW) == 0
            store.prune(connection, NOW + HOUR)
            assert store.standing(connection).keys() == {("issues_late", "")}
            rows = connection.execute(sa.select(store.alarm_events.c.event)).all()
        assert len(rows) == 2, "the last of each"
    assert len(ids) == 7
    record(database, "began", "pit_mean")
    with database.writing() as connection:
        assert store.prune(connection, NOW + HOUR) == 1
        assert len(store.waiting(connection)) == 1, "what is not posted stays"
