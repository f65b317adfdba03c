import datetime as dt

from service.issues import model_score_store
from service.issues.model_score_store import Key
from tests.service.support import NOW


def test_score_is_stored_once(database):
    keys = [Key("people", "x", "spec", dt.date(2025, 1, day), "figures") for day in (6, 13)]
    with database.writing() as connection:
        for score, key in ((1.5, keys[0]), (2.5, keys[0]), (1.5, keys[1])):
            model_score_store.save_score(connection, key, {"total_7": score}, NOW)
        scores = model_score_store.get_scores(connection, [*keys, keys[0]._replace(model="y")])
    assert scores == {key: {"total_7": 1.5} for key in keys}
