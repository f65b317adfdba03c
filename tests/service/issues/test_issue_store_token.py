from __future__ import annotations

import pytest
import sqlalchemy as sa

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


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_last_runs_are_found_by_an_index(database: Database) -> None:
    query = issue_store._token_query(("ingest",)).params(series_id="people", route=ROUTE.name)
    text = query.compile(database.engine, compile_kwargs={"literal_binds": True})
    with database.reading() as connection:
        plan = [row.detail for row in connection.execute(sa.text(f"EXPLAIN QUERY PLAN {text}"))]
    assert [step for step in plan if "runs" in step and "ix_runs_job_route_run_id" in step]
    assert not [step for step in plan if step.startswith("SCAN runs")]
