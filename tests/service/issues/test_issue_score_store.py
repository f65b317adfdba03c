from __future__ import annotations

import datetime as dt

import pytest

from service.core.database import Database
from service.issues import issue_score_store, issue_store
from tests.service.issued import begin
from tests.service.support import NOW, ROUTE, publish, random_paths

HOUR = dt.timedelta(hours=1)
LONG_AGO = dt.date(2020, 1, 1)


def issue(
    database: Database,
    models: list[str],
    champion: str,
    moment: dt.datetime,
    run_id: int | None = None,
) -> str:
    """Publish an issue of the same origin each time, and score it."""
    run_id = run_id or begin(database, f"{moment} {champion}")
    paths = {model: random_paths("2026-01-01", 28) for model in models}
    made = publish(database, paths, run_id, moment, champion=champion).issue_id
    with database.writing() as connection:
        for item in issue_score_store.list_pending_scores(connection, ROUTE, "people", LONG_AGO):
            if item.issue.issue_id == made:
                issue_score_store.save_score(connection, item, 1, "x", {}, False, moment)
    return made


@pytest.mark.parametrize(
    ("hours", "counts"),
    [([3, 9, 14], 2), ([9, 15], 0), ([15, 21], 0), ([9, 26], 0), ([15, 33], 0)],
    ids=["by 14:00", "before it", "all later", "of the first day", "of the first day, though late"],
)
def test_of_an_origin_one_issue_counts_though_the_champion_differs(
    database: Database, hours: list[int], counts: int
) -> None:
    midnight = NOW.replace(hour=0)
    made = [
        issue(database, ["a", "b"] if at == 0 else ["b"], "a" if at == 0 else "b", midnight + h)
        for at, h in enumerate(hour * HOUR for hour in hours)
    ]
    with database.reading() as connection:
        (row,) = issue_score_store.list_current_scores(
            connection, ROUTE, "people", "live", LONG_AGO, champion_only=True
        )
        pending = issue_score_store.list_pending_scores(connection, ROUTE, "people", LONG_AGO)
        assert pending[0].issue == issue_store.get_issue(connection, made[counts])
    assert (row.issue_id, row.model) == (made[counts], "b" if counts else "a")
    assert {item.issue.issue_id for item in pending} == {made[counts]}, "no other is scored"


def test_of_two_issues_of_one_moment_the_later_run_counts(database: Database) -> None:
    early, late = begin(database, "early"), begin(database, "late")
    # As hindcasts of one origin are; which of them is stored first does not matter.
    last = issue(database, ["a", "b"], "b", NOW, late)
    issue(database, ["a"], "a", NOW, early)
    with database.reading() as connection:
        found = issue_score_store.list_current_scores(connection, ROUTE, "people", "live", LONG_AGO)
    assert {row.issue_id for row in found} == {last}
