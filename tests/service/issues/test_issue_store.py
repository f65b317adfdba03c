from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from service.core.database import Connection, Database
from service.core.tables import editions, issue_notes, issue_paths, issue_scores, issues
from service.issues import issue_store, note_store
from tests.service.issued import begin
from tests.service.support import NOW, publish, random_paths

DAY = dt.timedelta(days=1)


@pytest.fixture
def run_id(database: Database) -> int:
    return begin(database)


def test_an_issue_is_read_as_it_was_published(database: Database, run_id: int) -> None:
    drawn = {"climatology": random_paths("2026-01-01", 30), "hurdle": random_paths("2026-01-01", 9)}
    issue = publish(database, drawn, run_id, failures={"prophet": "did not converge"})
    with database.reading() as connection:
        assert issue_store.get_latest_issue(connection, "people") == issue
        assert issue_store.get_issue(connection, issue.issue_id) == issue
        assert [e.model for e in issue_store.list_entries(connection, issue.issue_id)] == [*drawn]
        for model, paths in drawn.items():
            again = issue_store.load_paths(connection, issue, model)
            assert again is not None
            assert again.start == paths.start
            np.testing.assert_array_equal(again.values, paths.values)
        assert issue_store.load_paths(connection, issue, "pool") is None
        assert issue_store.get_issue(connection, "people-nothing") is None
        assert issue_store.get_latest_issue(connection, "boats") is None


def test_the_champion_is_kept_whole_and_of_others_the_first_days(
    database: Database, run_id: int
) -> None:
    drawn = {name: random_paths("2026-01-01", 60, 600) for name in ("climatology", "hurdle")}
    issue = publish(database, drawn, run_id, champion="hurdle")
    with database.reading() as connection:
        served = issue_store.load_paths(connection, issue, "hurdle")
        other = issue_store.load_paths(connection, issue, "climatology")
    assert served is not None and other is not None
    np.testing.assert_array_equal(served.values, drawn["hurdle"].values)
    np.testing.assert_array_equal(other.values, drawn["climatology"].values[:500, :35])


def test_the_newest_is_the_one_issued_last(database: Database, run_id: int) -> None:
    paths = {"climatology": random_paths("2026-01-01", 3)}
    late = publish(database, paths, run_id, NOW + dt.timedelta(hours=1))
    publish(database, paths, begin(database, "second"), NOW)
    with database.reading() as connection:
        assert issue_store.get_latest_issue(connection, "people") == late
    also = publish(database, paths, begin(database, "third"), NOW + dt.timedelta(hours=1))
    with database.reading() as connection:
        assert issue_store.get_latest_issue(connection, "people") == also


def test_at_a_moment_the_one_stands_that_was_issued_last_by_then(
    database: Database, run_id: int
) -> None:
    paths = {"climatology": random_paths("2026-01-01", 3)}
    hour = dt.timedelta(hours=1)
    first = publish(database, paths, run_id, NOW)
    second = publish(database, paths, begin(database, "second"), NOW + hour)
    moments = [NOW - hour, NOW, NOW + hour / 2, NOW + hour, NOW + 2 * hour]
    with database.reading() as connection:
        found = [issue_store.get_latest_issue(connection, "people", moment) for moment in moments]
    assert found == [None, first, first, second, second]


def test_only_live_issues_are_the_latest(database: Database, run_id: int) -> None:
    issue = publish(database, {"climatology": random_paths("2026-01-01", 3)}, run_id)
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE issues SET kind = 'retro'"))
    with database.reading() as connection:
        assert issue_store.get_latest_issue(connection, "people") is None
        assert issue_store.get_issue(connection, issue.issue_id) == replace(issue, kind="retro")


def test_a_run_publishes_a_series_once(database: Database, run_id: int) -> None:
    paths = {"climatology": random_paths("2026-01-01", 3)}
    publish(database, paths, run_id)
    with pytest.raises(sa.exc.IntegrityError):
        publish(database, paths, run_id, NOW + dt.timedelta(seconds=1))


def test_beside_an_issue_is_that_of_its_run_and_origin(database: Database, run_id: int) -> None:
    made = {
        (series_id, day): publish(
            database, {"climatology": random_paths(day, 3)}, run_id, series_id=series_id
        )
        for day in ("2026-01-01", "2026-01-08")
        for series_id in ("people", "boats")
    }
    alone = publish(
        database, {"climatology": random_paths("2026-01-01", 3)}, begin(database, "next")
    )
    with database.reading() as connection:
        for (series_id, day), issue in made.items():
            other = "boats" if series_id == "people" else "people"
            assert issue_store.get_sibling_issue(connection, issue, other) == made[other, day]
        assert issue_store.get_sibling_issue(connection, alone, "boats") is None


def test_half_an_issue_is_not_published(database: Database, run_id: int) -> None:
    issue = publish(database, {"climatology": random_paths("2026-01-01", 3)}, run_id)
    second = replace(issue, issue_id="second", run_id=begin(database, "second"))
    twice = (issue_store.Entry("m", "M", "champion", "v"), random_paths("2026-01-01", 3))
    with pytest.raises(sa.exc.IntegrityError), database.writing() as connection:
        issue_store.insert_issue(connection, second, [twice, twice])
    with database.reading() as connection:
        assert issue_store.get_issue(connection, "second") is None


def test_an_id_tells_series_and_origin() -> None:
    made = issue_store.make_id("people", dt.date(2025, 12, 31), NOW, "abc")
    assert made.startswith("people-20251231-")
    assert made == issue_store.make_id("people", dt.date(2025, 12, 31), NOW, "abc")
    later = NOW + dt.timedelta(seconds=1)
    assert made != issue_store.make_id("people", dt.date(2025, 12, 31), later, "abc")
    assert made != issue_store.make_id("people", dt.date(2025, 12, 31), NOW, "abd")


def count(connection: Connection, *tables: sa.Table) -> list[int]:
    return [connection.scalar(sa.select(sa.func.count()).select_from(t)) or 0 for t in tables]


def test_an_issue_goes_with_all_that_hangs_on_it(database: Database) -> None:
    made = []
    for age in (10, 5, 1):
        moment = NOW - age * DAY
        paths = {"climatology": random_paths("2026-01-01", 28)}
        issue = publish(database, paths, begin(database, f"{moment}", moment), moment)
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
        assert issue_store.prune_issues(connection, NOW - 7 * DAY) == 1
        assert (
            count(connection, issues, issue_paths, issue_notes, issue_scores, editions) == [2] * 5
        )
        assert issue_store.get_issue(connection, made[0]) is None
        assert issue_store.prune_issues(connection, NOW + DAY) == 1
        newest = issue_store.get_latest_issue(connection, "people")
    assert newest is not None
    assert newest.issue_id == made[2]


def test_a_hindcast_is_as_old_as_its_making(database: Database) -> None:
    long_ago = NOW - 1000 * DAY
    paths = {"climatology": random_paths("2023-04-01", 28)}
    issue = publish(database, paths, begin(database), long_ago)
    with database.writing() as connection:
        connection.execute(
            issues.update().where(issues.c.issue_id == issue.issue_id).values(kind="hindcast")
        )
        assert issue_store.prune_issues(connection, NOW - DAY) == 0
        assert issue_store.prune_issues(connection, NOW + DAY) == 1
