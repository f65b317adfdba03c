"""Changes between two issues, summed over the issues between them."""

import datetime as dt
from typing import Any

import pytest

from service.answers.changes import CAUSE_NAMES, changes
from service.answers.errors import BadQuestion, NotFound
from service.answers.issue_loader import IssueLoader
from service.issues import note_store
from tests.service.support import NOW, ManualClock, publish, random_paths, record_run


def test_every_cause_has_a_display_name():
    assert set(CAUSE_NAMES) == set(note_store.CAUSES)


@pytest.fixture
def issues(context):
    """The published issue and three newer ones."""
    issues = [IssueLoader(context, ManualClock(NOW)).view("people").issue]
    at = NOW + dt.timedelta(days=400)
    for step in range(3):
        run_id = record_run(context.database, f"step {step}", at)
        paths = {"climatology": random_paths("2026-01-01", 30, seed=step)}
        issues.append(publish(context.database, paths, run_id, at + dt.timedelta(hours=step)))
    return issues


def save_changes(context, issue, since, before, causes):
    content: dict[str, Any] = {
        "since": since.issue_id,
        "since_issued_at": "2026-01-01T00:00:00Z",
        "champion": "climatology",
        "declaration": "0",
        "from": "2026-01-01",
        "before": [before] * 28,
        "after": [before + sum(causes.values())] * 28,
        "causes": {name: [value] * 28 for name, value in causes.items()},
    }
    with context.database.writing() as connection:
        note_store.save_note(connection, issue.issue_id, note_store.CHANGES, content)


def test_changes_are_summed_over_issues_with_and_without_weather(context, issues):
    first, second, third, fourth = issues
    causes = {"model": 0.0, "revision": 0.5, "new_figures": 2.0}
    save_changes(context, second, first, 10.0, causes)
    save_changes(context, third, second, 12.5, causes | {"weather": -4.0})
    save_changes(context, fourth, third, 11.0, causes)
    loader = IssueLoader(context, ManualClock(NOW))
    answer = changes(loader, loader.view("people"), first.issue_id)
    assert answer["causes"] == ["model", "revision", "weather", "new_figures"]
    assert answer["steps"] == 3
    row = answer["rows"][0]
    assert (row["before"], row["after"]) == (10.0, 13.5)
    assert (row["revision"], row["weather"], row["new_figures"]) == (1.5, -4.0, 6.0)
    assert answer["totals"][0]["weather"] == -28.0
    last_step = changes(loader, loader.view("people"))
    assert last_step["causes"] == ["model", "revision", "new_figures"]
    assert "weather" not in last_step["rows"][0]
    days = [(row["date"], row["time"]) for row in answer["rows"][:2] + answer["rows"][-1:]]
    assert days == [(day, f"{day}T00:00:00Z") for day in ("2026-01-02", "2026-01-03", "2026-01-28")]
    with pytest.raises(NotFound, match="expected an issue before"):
        changes(loader, loader.view("people"), "people-20200101-0000000000")
    with pytest.raises(NotFound, match=f"there is no issue before {first.issue_id}"):
        changes(loader, loader.view("people", first.issue_id))
    later = IssueLoader(context, ManualClock(NOW + dt.timedelta(days=27)))
    expected = "since: expected an issue that forecast some of the same days, found "
    with pytest.raises(BadQuestion, match=f"^{expected}{third.issue_id}$"):
        changes(later, later.view("people"))
