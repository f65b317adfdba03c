from __future__ import annotations

from service.store import marks, runs
from service.store.database import Database
from tests.service.support import NOW, publish, random_paths


def test_a_mark_changes_with_what_answers_depend_on(database: Database) -> None:
    def read() -> marks.Mark:
        with database.glancing() as connection:
            return marks.read(connection, "people", ["ingest", "refit"])

    seen = [read()]
    with database.writing() as connection:
        run = runs.claim(connection, "refit", "one", NOW)
        assert run is not None
    seen.append(read())
    publish(database, {"climatology": random_paths("2026-01-01", 30)}, run.run_id)
    seen.append(read())
    with database.writing() as connection:
        runs.finish(connection, run, "failed", "no", {}, NOW)
    seen.append(read())
    with database.writing() as connection:
        assert runs.claim(connection, "compare", "one", NOW)
    assert read() == seen[-1], "a job that no answer depends on"
    assert len(set(seen)) == 4


def test_the_version_differs_after_every_change(database: Database) -> None:
    before = database.version()
    assert database.version() == before
    with database.writing() as connection:
        runs.claim(connection, "refit", "one", NOW)
    assert before is None or database.version() != before
