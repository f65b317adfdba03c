from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from service.core import run_store
from service.core.database import Database
from service.issues import issue_store
from tests.service.support import NOW, ROUTE, publish, random_paths


@pytest.fixture
def run_id(database: Database) -> int:
    return run(database, "first")


def run(database: Database, period: str) -> int:
    with database.writing() as connection:
        claimed = run_store.claim(connection, "refit", period, NOW, ROUTE.name)
    assert claimed is not None
    return claimed.run_id


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
    publish(database, paths, run(database, "second"), NOW)
    with database.reading() as connection:
        assert issue_store.get_latest_issue(connection, "people") == late
    also = publish(database, paths, run(database, "third"), NOW + dt.timedelta(hours=1))
    with database.reading() as connection:
        assert issue_store.get_latest_issue(connection, "people") == also


def test_at_a_moment_the_one_stands_that_was_issued_last_by_then(
    database: Database, run_id: int
) -> None:
    paths = {"climatology": random_paths("2026-01-01", 3)}
    hour = dt.timedelta(hours=1)
    first = publish(database, paths, run_id, NOW)
    second = publish(database, paths, run(database, "second"), NOW + hour)
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
    alone = publish(database, {"climatology": random_paths("2026-01-01", 3)}, run(database, "next"))
    with database.reading() as connection:
        for (series_id, day), issue in made.items():
            other = "boats" if series_id == "people" else "people"
            assert issue_store.get_sibling_issue(connection, issue, other) == made[other, day]
        assert issue_store.get_sibling_issue(connection, alone, "boats") is None


def test_half_an_issue_is_not_published(database: Database, run_id: int) -> None:
    issue = publish(database, {"climatology": random_paths("2026-01-01", 3)}, run_id)
    second = replace(issue, issue_id="second", run_id=run(database, "second"))
    twice = (issue_store.Entry("m", "v", "champion", "M"), random_paths("2026-01-01", 3))
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
