import datetime as dt

from service.issues import model_score_store
from service.issues.model_score_store import Key
from tests.service.support import NOW


def test_score_is_stored_once_and_deleted_when_old(database):
    keys = [Key("people", "x", "spec", dt.date(2025, 1, day), "figures") for day in (6, 13)]
    for days, batch in enumerate((keys[:1], keys)):
        with database.writing() as connection:
            for key in batch:
                now = NOW + dt.timedelta(days=days)
                model_score_store.save_score(connection, key, {"total_7": 1.5}, now)
    with database.writing() as connection:
        assert model_score_store.get_scores(connection, keys) == {
            key: {"total_7": 1.5} for key in keys
        }
        assert model_score_store.prune_scores(connection, NOW + dt.timedelta(hours=1)) == 1
        assert model_score_store.get_scores(connection, keys).keys() == {keys[1]}
