from __future__ import annotations

from service.core import run_store
from service.core.database import Database
from service.issues import issue_store
from tests.service.support import NOW, ROUTE, publish, random_paths


def test_a_mark_changes_with_what_answers_depend_on(database: Database) -> None:
    def read() -> tuple[object, ...]:
        with database.glancing() as connection:
            return issue_store.read_change_token(
                connection, ROUTE.name, "people", ["ingest", "refit"]
            )

    seen = [read()]
    with database.writing() as connection:
        run = run_store.claim(connection, "refit", "one", NOW, ROUTE.name)
        assert run is not None
    seen.append(read())
    publish(database, {"climatology": random_paths("2026-01-01", 30)}, run.run_id)
    seen.append(read())
    with database.writing() as connection:
        run_store.finish(connection, run, "failed", "no", {}, NOW)
    seen.append(read())
    with database.writing() as connection:
        assert run_store.claim(connection, "compare", "one", NOW, ROUTE.name)
    assert read() == seen[-1], "a job that no answer depends on"
    assert len(set(seen)) == 4


def test_the_version_differs_after_every_change(database: Database) -> None:
    before = database.version()
    assert database.version() == before
    with database.writing() as connection:
        run_store.claim(connection, "refit", "one", NOW, ROUTE.name)
    assert before is None or database.version() != before
