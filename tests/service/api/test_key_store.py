from __future__ import annotations

import datetime as dt

import pytest

from service.api import key_store
from service.api.key_store import NameTaken
from service.core.database import Database
from tests.service.support import NOW

DAY = dt.timedelta(days=1)


def test_a_key_is_found_by_itself_alone(database: Database) -> None:
    with database.writing() as connection:
        key = key_store.create(connection, "one", "read", NOW, NOW + DAY)
        key_store.create(connection, "two", "operate", NOW)
    with database.reading() as connection:
        found = key_store.match(connection, key)
        assert found is not None
        assert (found.name, found.scope, found.prefix) == ("one", "read", key.split("_")[1])
        wrong = key[:-1] + ("a" if key[-1] != "a" else "b")
        for other in (wrong, key[:-1], key + "a", key.upper(), "", "crossings_", "é", "\udce9"):
            assert key_store.match(connection, other) is None
        assert [one.name for one in key_store.listing(connection)] == ["one", "two"]


def test_a_key_ends_when_it_expires_or_is_revoked(database: Database) -> None:
    with database.writing() as connection:
        key_store.create(connection, "one", "read", NOW, NOW + DAY)
        (key,) = key_store.listing(connection)
        assert [key.state(NOW), key.state(NOW + DAY)] == ["active", "expired"]
        assert key_store.revoke(connection, key.prefix, NOW)
        assert not key_store.revoke(connection, "one", NOW), "only once"
        (key,) = key_store.listing(connection)
        assert key.state(NOW) == "revoked"


def test_a_name_is_given_once(database: Database) -> None:
    with database.writing() as connection:
        key_store.create(connection, "one", "read", NOW)
        with pytest.raises(NameTaken, match="'one' already exists"):
            key_store.create(connection, "one", "operate", NOW)
        assert len(key_store.listing(connection)) == 1
