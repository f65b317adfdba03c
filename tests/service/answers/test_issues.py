import datetime as dt

import pytest

from service.answers.errors import BadQuestion, NotFound, NotReady
from service.answers.issue_loader import IssueLoader
from service.answers.issues import describe_issue, first_day, issue_id_of_day, list_issues
from service.api.schemas import IssueRow
from service.issues import note_store
from tests.service.support import (
    ISSUED_AT,
    NOW,
    ManualClock,
    publish,
    random_paths,
    record_run,
    utc,
)

D = dt.date


def test_issue_of_day_is_the_newest_at_its_end_or_the_last_hindcast(context):
    def publish_paths(start, moment, kind="live"):
        paths = {"climatology": random_paths(start, 28)}
        return publish(context.database, paths, 1, moment, kind=kind).issue_id

    loader = IssueLoader(context, ManualClock(ISSUED_AT))
    live = publish_paths("2025-07-10", utc(2025, 7, 10, 23, 30))  # 00:30 of the next UK day
    for day in (D(2025, 7, 11), D(2025, 8, 1)):
        assert issue_id_of_day(loader, "people", day) == live
    assert issue_id_of_day(loader, "people", loader.today()) == "latest"
    back = IssueLoader(context, ManualClock(utc(2025, 12, 1)))  # a clock may go back
    assert issue_id_of_day(back, "people", loader.today()) == "latest"
    with pytest.raises(NotFound, match="no forecast from 9998-01-01 yet; today is"):
        issue_id_of_day(loader, "people", D(9998, 1, 1))
    assert first_day(loader, "people") == D(2025, 7, 11)
    with pytest.raises(NotFound, match="from 2025-07-10; the first is from 2025-07-11"):
        issue_id_of_day(loader, "people", D(2025, 7, 10))
    older = publish_paths("2025-06-09", NOW, "hindcast")
    newer = publish_paths("2025-06-16", NOW + dt.timedelta(minutes=1), "hindcast")
    assert first_day(loader, "people") == D(2025, 6, 8)
    for day, issue_id in (
        *((D(2025, 6, 8), older), (D(2025, 6, 14), older)),
        *((D(2025, 6, 15), newer), (D(2025, 7, 10), newer), (D(2025, 7, 11), live)),
    ):
        assert issue_id_of_day(loader, "people", day) == issue_id
    with pytest.raises(NotFound, match="from 2025-06-07; the first is from 2025-06-08"):
        issue_id_of_day(loader, "people", D(2025, 6, 7))
    with pytest.raises(NotFound):
        issue_id_of_day(loader, "boats", D(2025, 6, 15))


def test_issue_of_day_is_not_ready_when_nothing_is_published(empty):
    with pytest.raises(NotReady):
        issue_id_of_day(IssueLoader(empty), "boats", D(2025, 7, 10))


def publish_issues(context, count):
    """Publish issues of one origin, an hour apart."""
    issues = []
    for hour in range(count):
        at = NOW + dt.timedelta(hours=hour)
        run_id = record_run(context.database, f"{hour}", at)
        paths = {"climatology": random_paths("2026-01-01", 14)}
        issues.append(publish(context.database, paths, run_id, at, failures={"pool": "too slow"}))
    return issues


def test_pages_list_every_issue_newest_first(empty):
    issues = publish_issues(empty, 4)
    for limit in (1, 2, 3, 4, 5, 500):
        listed, after = [], None
        while True:
            rows, after = list_issues(IssueLoader(empty), "people", limit, after)
            assert 1 <= len(rows) <= limit
            assert all(list(row) == list(IssueRow.model_fields) for row in rows)
            listed += [row["issue_id"] for row in rows]
            if after is None:
                break
        assert listed == [issue.issue_id for issue in issues[::-1]]
    for series_id, after in (("people", "x"), ("people", ""), ("boats", issues[0].issue_id)):
        with pytest.raises(BadQuestion, match="after: expected the `next` of a previous page"):
            list_issues(IssueLoader(empty), series_id, 5, after)


def test_details_of_one_issue(empty):
    (issue,) = publish_issues(empty, 1)
    answer = describe_issue(IssueLoader(empty), "people", issue.issue_id)
    (row,), _ = list_issues(IssueLoader(empty), "people", 1)
    model = {"model": "climatology", "title": "The climatology"}
    assert row["issued_at"] == row["as_of"] == "2026-01-02T12:00:00Z"
    assert (row["data_through"], row["n_paths"], row["horizon_days"]) == ("2025-12-31", 50, 14)
    assert answer == row | {
        "kind": "live",
        "seed": 1,
        "inputs_hash": "0" * 64,
        "models": [model | {"role": "champion", "version": "v1"}],
        "failures": [{"model": "pool", "reason": "too slow"}],
    }
    with empty.database.writing() as connection:
        note_store.save_note(connection, issue.issue_id, note_store.WEATHER, {"status": "used"})
    assert describe_issue(IssueLoader(empty), "people", issue.issue_id) == answer | {
        "weather": {"status": "used"}
    }
    for series_id, issue_id in (("boats", issue.issue_id), ("people", "nothing")):
        with pytest.raises(NotFound, match=f"an issue of {series_id}, found '{issue_id}'"):
            describe_issue(IssueLoader(empty), series_id, issue_id)
