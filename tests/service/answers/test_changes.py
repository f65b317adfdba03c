"""Changes between two issues, summed over the issues between them."""

import datetime as dt

import pytest

from service.answers.changes import CAUSE_NAMES, changes
from service.answers.errors import BadQuestion, NotFound
from service.answers.issue_loader import IssueLoader
from service.issues import note_store
from tests.service.support import NOW, ManualClock, publish, random_paths, record_run


def test_every_cause_has_a_display_name():
    assert set(CAUSE_NAMES) == set(note_store.CAUSES)


def publish_change(context, since, hours, before, causes):
    """Publish an issue `hours` later than others, with the causes of its change from `since`."""
    at = NOW + dt.timedelta(days=400, hours=hours)
    run_id = record_run(context.database, f"{hours}", at)
    issue = publish(context.database, {"climatology": random_paths("2026-01-01", 30)}, run_id, at)
    content = {
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
    return issue


def test_changes_are_summed_over_issues_with_and_without_weather(context):
    first = IssueLoader(context, ManualClock(NOW)).view("people").issue
    causes = {"model": 0.0, "revision": 0.5, "new_figures": 2.0}
    second = publish_change(context, first, 0, 10.0, causes)
    third = publish_change(context, second, 1, 12.5, causes | {"weather": -4.0})
    publish_change(context, third, 2, 11.0, causes)
    loader = IssueLoader(context, ManualClock(NOW))
    answer = changes(loader, loader.view("people"), first.issue_id)
    assert answer["causes"] == ["model", "revision", "weather", "new_figures"]
    assert answer["steps"] == 3
    names = ("before", "model", "revision", "weather", "new_figures", "after")
    numbers = dict(zip(names, (10.0, 0.0, 1.5, -4.0, 6.0, 13.5), strict=True))
    days = [f"2026-01-{day:02}" for day in range(2, 29)]
    assert answer["rows"] == [{"time": f"{day}T00:00:00Z", "date": day} | numbers for day in days]
    assert answer["totals"] == [{"days": 7} | {name: 7 * numbers[name] for name in names}]
    last_step = changes(loader, loader.view("people", first=dt.date(2026, 1, 1)))
    assert [total["days"] for total in last_step["totals"]] == [7, 28]
    assert last_step["causes"] == ["model", "revision", "new_figures"]
    assert "weather" not in last_step["rows"][0]
    with pytest.raises(NotFound, match="expected an issue before"):
        changes(loader, loader.view("people"), "people-20200101-0000000000")
    with pytest.raises(NotFound, match=f"there is no issue before {first.issue_id}"):
        changes(loader, loader.view("people", first.issue_id))
    later = IssueLoader(context, ManualClock(NOW + dt.timedelta(days=27)))
    expected = "since: expected an issue that forecast some of the same days, found "
    with pytest.raises(BadQuestion, match=f"^{expected}{third.issue_id}$"):
        changes(later, later.view("people"))
