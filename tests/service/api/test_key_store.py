import datetime as dt

import pytest

from service.api import key_store
from service.api.key_store import NameTaken
from tests.service.support import NOW

ONE_DAY = dt.timedelta(days=1)


def test_only_the_exact_key_matches(database):
    with database.writing() as connection:
        key = key_store.create_key(connection, "one", "read", NOW, NOW + ONE_DAY)
        key_store.create_key(connection, "two", "operate", NOW)
    with database.reading() as connection:
        stored = key_store.find_key(connection, key)
        assert (stored.name, stored.scope, stored.prefix) == ("one", "read", key.split("_")[1])
        wrong = key[:-1] + ("a" if key[-1] != "a" else "b")
        for text in (wrong, key[:-1], key + "a", key.upper(), "", "crossings_", "é", "\udce9"):
            assert key_store.find_key(connection, text) is None
        assert [one.name for one in key_store.list_keys(connection)] == ["one", "two"]


def test_key_states(database):
    with database.writing() as connection:
        key_store.create_key(connection, "one", "read", NOW, NOW + ONE_DAY)
        (key,) = key_store.list_keys(connection)
        assert [key.state(NOW), key.state(NOW + ONE_DAY)] == ["active", "expired"]
        assert key_store.revoke_key(connection, key.prefix, NOW)
        assert not key_store.revoke_key(connection, "one", NOW), "only once"
        (key,) = key_store.list_keys(connection)
        assert key.state(NOW) == "revoked"


def test_names_are_unique(database):
    with database.writing() as connection:
        key_store.create_key(connection, "one", "read", NOW)
        with pytest.raises(NameTaken, match="'one' already exists"):
            key_store.create_key(connection, "one", "operate", NOW)
        assert len(key_store.list_keys(connection)) == 1
