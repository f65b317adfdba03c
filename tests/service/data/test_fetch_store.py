from __future__ import annotations

from service.core.database import Database
from service.data import fetch_store
from tests.service.support import NOW


def test_what_a_site_said_last_is_kept(database: Database) -> None:
    with database.writing() as connection:
        fetch_store.remember(connection, {"a": ('"1"', None), "b": (None, "Wed")}, NOW)
        fetch_store.remember(connection, {"a": ('"2"', None)}, NOW)
        fetch_store.remember(connection, {}, NOW)
    with database.reading() as connection:
        assert fetch_store.known(connection) == {"a": ('"2"', None), "b": (None, "Wed")}


def test_what_is_too_long_is_not_kept(database: Database) -> None:
    with database.writing() as connection:
        fetch_store.remember(connection, {"x" * 501: ("e", None), "c": (None, None)}, NOW)
    with database.reading() as connection:
        assert fetch_store.known(connection) == {"c": (None, None)}
