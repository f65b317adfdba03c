import datetime as dt

import pytest

from service.api import key_store
from service.api.key_store import NameTaken
from tests.service.support import NOW

ONE_DAY = dt.timedelta(days=1)


def test_only_the_exact_key_matches_until_it_ends(database):
    with database.writing() as connection:
        key = key_store.create_key(connection, "one", "read", NOW, NOW + ONE_DAY)
        key_store.create_key(connection, "two", "operate", NOW)
        with pytest.raises(NameTaken, match="'one' already exists"):
            key_store.create_key(connection, "one", "operate", NOW)
        one, two = key_store.list_keys(connection)
        assert key_store.find_key(connection, key) == one
        assert (one.name, one.scope, one.prefix) == ("one", "read", key.split("_")[1])
        assert [(two.name, two.scope), two.expires_at] == [("two", "operate"), None]
        wrong = key[:-1] + ("a" if key[-1] != "a" else "b")
        for text in (wrong, key[:-1], key + "a", key.upper(), "", "crossings_", "é", "\udce9"):
            assert key_store.find_key(connection, text) is None
        assert [one.state(NOW), one.state(NOW + ONE_DAY)] == ["active", "expired"]
        assert key_store.revoke_key(connection, one.prefix, NOW)
        assert not key_store.revoke_key(connection, "one", NOW), "only once"
        key_store.record_use(connection, one.key_id, NOW)
        keys = [(key.state(NOW), key.last_used_at) for key in key_store.list_keys(connection)]
        assert keys == [("revoked", NOW), ("active", None)]
