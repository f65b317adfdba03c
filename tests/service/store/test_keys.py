from __future__ import annotations

import datetime as dt

import pytest

from service.store import keys
from service.store.database import Database
from service.store.keys import NameTaken
from tests.service.support import NOW

DAY = dt.timedelta(days=1)


def test_a_key_is_found_by_itself_alone(database: Database) -> None:
    with database.writing() as connection:
        key = keys.create(connection, "one", "read", NOW, NOW + DAY)
        keys.create(connection, "two", "operate", NOW)
    with database.reading() as connection:
        found = keys.match(connection, key)
        assert found is not None
        assert (found.name, found.scope, found.prefix) == ("one", "read", key.split("_")[1])
        wrong = key[:-1] + ("a" if key[-1] != "a" else "b")
        for other in (wrong, key[:-1], key + "a", key.upper(), "", "crossings_", "é", "\udce9"):
            assert keys.match(connection, other) is None
        assert [one.name for one in keys.listing(connection)] == ["one", "two"]


def test_a_key_ends_when_it_expires_or_is_revoked(database: Database) -> None:
    with database.writing() as connection:
        keys.create(connection, "one", "read", NOW, NOW + DAY)
        (key,) = keys.listing(connection)
        assert [key.state(NOW), key.state(NOW + DAY)] == ["active", "expired"]
        assert keys.revoke(connection, key.prefix, NOW)
        assert not keys.revoke(connection, "one", NOW), "only once"
        (key,) = keys.listing(connection)
        assert key.state(NOW) == "revoked"


def test_a_name_is_given_once(database: Database) -> None:
    with database.writing() as connection:
        keys.create(connection, "one", "read", NOW)
        with pytest.raises(NameTaken, match="'one' is there already"):
            keys.create(connection, "one", "operate", NOW)
        assert len(keys.listing(connection)) == 1
