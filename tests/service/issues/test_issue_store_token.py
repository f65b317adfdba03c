from __future__ import annotations

import pytest
import sqlalchemy as sa

from service.core import run_store
from service.core.database import Database
from service.issues import issue_store
from tests.service.support import NOW, ROUTE, publish, random_paths


def test_change_token_changes_with_issues_and_runs(database: Database) -> None:
    def read() -> tuple[object, ...]:
        with database.reading() as connection:
            return issue_store.read_change_token(
                connection, ROUTE.name, "people", ["ingest", "refit"]
            )

    tokens = [read()]
    with database.writing() as connection:
        run = run_store.claim_run(connection, "refit", "one", NOW, ROUTE.name)
        assert run is not None
    tokens.append(read())
    publish(database, {"climatology": random_paths("2026-01-01", 30)}, run.run_id)
    tokens.append(read())
    with database.writing() as connection:
        run_store.finish_run(connection, run, "failed", "no", {}, NOW)
    tokens.append(read())
    with database.writing() as connection:
        assert run_store.claim_run(connection, "compare", "one", NOW, ROUTE.name)
    assert read() == tokens[-1], "unaffected by other jobs"
    assert len(set(tokens)) == 4


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_token_query_uses_index_of_runs(database: Database) -> None:
    query = issue_store._token_query(("ingest",)).params(series_id="people", route=ROUTE.name)
    text = query.compile(database.engine, compile_kwargs={"literal_binds": True})
    with database.reading() as connection:
        plan = [row.detail for row in connection.execute(sa.text(f"EXPLAIN QUERY PLAN {text}"))]
    assert [step for step in plan if "runs" in step and "ix_runs_job_route_run_id" in step]
    assert not [step for step in plan if step.startswith("SCAN runs")]
