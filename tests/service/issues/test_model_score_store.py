from __future__ import annotations

import datetime as dt

from service.core.database import Database
from service.issues import model_score_store
from service.issues.model_score_store import Key
from tests.service.support import NOW


def test_score_is_stored_once(database: Database) -> None:
    keys = [Key("people", "x", "spec", dt.date(2025, 1, day), "figures") for day in (6, 13)]
    for batch in (keys[:1], keys):
        with database.writing() as connection:
            for key in batch:
                model_score_store.save_score(connection, key, {"total_7": 1.5}, NOW)
    with database.reading() as connection:
        assert model_score_store.get_scores(connection, keys) == {
            key: {"total_7": 1.5} for key in keys
        }


def test_prune_deletes_scores_at_old_origins(database: Database) -> None:
    keys = [Key("people", "x", "spec", dt.date(2025, 1, day), "figures") for day in (6, 13, 20)]
    with database.writing() as connection:
        assert model_score_store.get_newest_origin(connection, ["people"]) is None
        other = keys[0]._replace(series_id="boats", origin=dt.date(2025, 1, 27))
        for key in (*keys, other):
            model_score_store.save_score(connection, key, {"total_7": 1.5}, NOW)
        assert model_score_store.get_newest_origin(connection, ["people"]) == dt.date(2025, 1, 20)
        assert model_score_store.prune_scores(connection, dt.date(2025, 1, 13)) == 1
        assert model_score_store.get_scores(connection, keys).keys() == set(keys[1:])
