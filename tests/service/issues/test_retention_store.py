from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from service.core import run_store
from service.core.database import Connection, Database
from service.core.tables import editions, issue_notes, issue_paths, issue_scores
from service.core.tables import issues as table
from service.issues import issue_store, note_store
from service.issues.retention_store import prune_issues
from tests.service.support import NOW, ROUTE, publish, random_paths

DAY = dt.timedelta(days=1)


def begin(database: Database, moment: dt.datetime) -> int:
    with database.writing() as connection:
        claimed = run_store.claim(connection, "refit", f"{moment}", moment, ROUTE.name)
    assert claimed is not None
    return claimed.run_id


def count(connection: Connection, *tables: sa.Table) -> list[int]:
    return [connection.scalar(sa.select(sa.func.count()).select_from(t)) or 0 for t in tables]


def test_an_issue_goes_with_all_that_hangs_on_it(database: Database) -> None:
    made = []
    for age in (10, 5, 1):
        moment = NOW - age * DAY
        paths = {"climatology": random_paths("2026-01-01", 28)}
        issue = publish(database, paths, begin(database, moment), moment)
        made.append(issue.issue_id)
        with database.writing() as connection:
            note_store.save_note(connection, issue.issue_id, note_store.EXPLANATION, {})
            connection.execute(
                editions.insert().values(
                    period=f"2026-W{age:02}",
                    kind="weekly",
                    issue_id=issue.issue_id,
                    made_at=moment,
                    content={},
                )
            )
            connection.execute(
                issue_scores.insert().values(
                    issue_id=issue.issue_id,
                    model="climatology",
                    days_known=1,
                    truth_hash="x",
                    content={},
                    scored_at=moment,
                )
            )
    with database.writing() as connection:
        assert prune_issues(connection, NOW - 7 * DAY) == 1
        assert count(connection, table, issue_paths, issue_notes, issue_scores, editions) == [2] * 5
        assert issue_store.get_issue(connection, made[0]) is None
        assert prune_issues(connection, NOW + DAY) == 1
        newest = issue_store.get_latest_issue(connection, "people")
    assert newest is not None
    assert newest.issue_id == made[2]


def test_a_hindcast_is_as_old_as_its_making(database: Database) -> None:
    long_ago = NOW - 1000 * DAY
    paths = {"climatology": random_paths("2023-04-01", 28)}
    issue = publish(database, paths, begin(database, NOW), long_ago)
    with database.writing() as connection:
        connection.execute(
            table.update().where(table.c.issue_id == issue.issue_id).values(kind="hindcast")
        )
        assert prune_issues(connection, NOW - DAY) == 0
        assert prune_issues(connection, NOW + DAY) == 1
