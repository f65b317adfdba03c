from __future__ import annotations

from service.store import fetches
from service.store.database import Database
from tests.service.support import NOW


def test_what_a_site_said_last_is_kept(database: Database) -> None:
    with database.writing() as connection:
        fetches.remember(connection, {"a": ('"1"', None), "b": (None, "Wed")}, NOW)
        fetches.remember(connection, {"a": ('"2"', None)}, NOW)
        fetches.remember(connection, {}, NOW)
    with database.reading() as connection:
        assert fetches.known(connection) == {"a": ('"2"', None), "b": (None, "Wed")}


def test_what_is_too_long_is_not_kept(database: Database) -> None:
    with database.writing() as connection:
        fetches.remember(connection, {"x" * 501: ("e", None), "c": ("e" * 501, "m" * 101)}, NOW)
    with database.reading() as connection:
        assert fetches.known(connection) == {"c": (None, None)}
