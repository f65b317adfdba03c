from __future__ import annotations

import datetime as dt

from service.store import scores
from service.store.database import Database
from service.store.scores import Key
from tests.service.support import NOW


def test_what_two_processes_score_at_once_is_kept_once(database: Database) -> None:
    keys = [Key("people", "x", "spec", dt.date(2025, 1, day), "figures") for day in (6, 13)]
    for some in (keys[:1], keys):
        with database.writing() as connection:
            scores.keep(connection, {key: {"total_7": 1.5} for key in some}, NOW)
    with database.reading() as connection:
        assert scores.kept(connection, keys) == {key: {"total_7": 1.5} for key in keys}


def test_scores_at_old_origins_are_deleted(database: Database) -> None:
    keys = [Key("people", "x", "spec", dt.date(2025, 1, day), "figures") for day in (6, 13, 20)]
    with database.writing() as connection:
        assert scores.newest(connection) is None
        scores.keep(connection, {key: {"total_7": 1.5} for key in keys}, NOW)
        assert scores.newest(connection) == dt.date(2025, 1, 20)
        assert scores.prune(connection, dt.date(2025, 1, 13)) == 1
        assert scores.kept(connection, keys).keys() == set(keys[1:])
