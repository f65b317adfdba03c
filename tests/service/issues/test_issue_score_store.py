import datetime as dt

import pytest
import sqlalchemy as sa

from service.core.tables import issue_scores
from service.issues import issue_score_store, issue_store
from tests.service.stored_issues import claim_refit
from tests.service.support import NOW, ROUTE, publish, random_paths

HOUR = dt.timedelta(hours=1)
LONG_AGO = dt.date(2020, 1, 1)


def publish_scored_issue(database, models, moment, run_id=None):
    """Publish an issue of the same origin each time and score it; the last model is served."""
    run_id = run_id or claim_refit(database, f"{moment}")
    paths = {model: random_paths("2026-01-01", 28) for model in models}
    issue_id = publish(database, paths, run_id, moment, champion=models[-1]).issue_id
    with database.writing() as connection:
        for item in list_pending(connection):
            if item.issue.issue_id == issue_id:
                issue_score_store.save_score(connection, item, 1, "x", {}, False, moment)
    return issue_id


def list_pending(connection):
    return issue_score_store.list_pending_scores(connection, ROUTE, "people", LONG_AGO)


def list_scores(connection, **options):
    return issue_score_store.list_current_scores(connection, ROUTE, "people", "live", **options)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [([3, 9, 14], 2), ([9, 15], 0), ([15, 21], 0), ([9, 26], 0), ([15, 33], 0)],
    ids=["last by 14:00", "one by 14:00", "all late", "first day", "first day though late"],
)
def test_one_issue_per_origin_is_scored(database, hours, expected):
    midnight = NOW.replace(hour=0)
    issue_ids = [
        publish_scored_issue(database, "ab" if at else "ba", midnight + hour * HOUR)
        for at, hour in enumerate(hours)
    ]
    with database.reading() as connection:
        (row,) = list_scores(connection, champion_only=True)
        pending = list_pending(connection)
        assert pending[0].issue == issue_store.get_issue(connection, issue_ids[expected])
    assert (row.issue_id, row.model) == (issue_ids[expected], "b" if expected else "a")
    assert {item.issue.issue_id for item in pending} == {issue_ids[expected]}, "no other is scored"


def test_later_run_is_scored_of_issues_at_the_same_moment(database):
    early, late = claim_refit(database, "early"), claim_refit(database, "late")
    # As with hindcasts of one origin, the order of storage does not matter.
    last = publish_scored_issue(database, "ab", NOW, late)
    publish_scored_issue(database, "a", NOW, early)
    with database.reading() as connection:
        assert {row.issue_id for row in list_scores(connection)} == {last}


@pytest.mark.parametrize(("days", "counts"), [(3, True), (4, False)])
def test_issue_made_long_after_its_figures_is_not_scored(database, days, counts):
    moment = ROUTE.assumed_known_at(dt.date(2025, 12, 31)) + dt.timedelta(days=days)
    publish_scored_issue(database, "a", moment)
    with database.reading() as connection:
        assert bool(list_pending(connection)) == counts


def test_score_of_revised_figures_replaces_the_earlier_one(database):
    publish_scored_issue(database, "a", NOW)
    with database.writing() as connection:
        (item,) = list_pending(connection)
        issue_score_store.save_score(connection, item, 2, "y", {}, True, NOW + HOUR)
        (item,), (row,) = list_pending(connection), list_scores(connection)
        stored = connection.scalars(sa.select(issue_scores.c.days_known)).all()
    assert item.days_known == row.days_known == 2
    assert sorted(stored) == [1, 2], "the earlier one is kept"
