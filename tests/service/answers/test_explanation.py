"""The stored attribution, by day and summed over the first days."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from service.answers.errors import NotFound
from service.answers.explanation import explanation
from service.answers.issue_loader import IssueLoader
from service.issues import note_store
from tests.service.answers.test_headline import make_view
from tests.service.support import publish, random_paths, record_run

FACTORS = {
    "season": np.arange(10.0, 24.0).tolist(),
    "recent level": np.arange(-3.0, 11.0).tolist(),
    "other": [0.25] * 14,
}
MEAN = [100.5 + sum(share[at] for share in FACTORS.values()) for at in range(14)]


def publish_issue(context, days=14, **more):
    """Publish an issue whose explanation of 14 days is repeated, with `more` factors."""
    paths = random_paths("2026-01-01", days)
    issue = publish(context.database, {"climatology": paths}, record_run(context.database, "one"))
    factors = {name: shares * 2 for name, shares in (FACTORS | more).items()}
    note = {"method": "Shapley", "yearly_mean": 100.5, "mean": MEAN * 2, "factors": factors}
    note |= {"mean": (MEAN * 2)[:days], "factors": {k: v[:days] for k, v in factors.items()}}
    with context.database.writing() as connection:
        note_store.save_note(connection, issue.issue_id, note_store.EXPLANATION, note)
    return replace(make_view(paths.values), issue=issue)


def test_factors_of_each_day_add_up_to_its_mean(empty):
    answer = explanation(IssueLoader(empty), publish_issue(empty))
    head = {key: answer[key] for key in ("method", "model", "yearly_mean", "factors")}
    assert head == {
        "method": "Shapley",
        "model": "climatology",
        "yearly_mean": 100.5,
        "factors": ["season", "recent_level", "other"],
    }
    assert len(answer["rows"]) == 14
    for at, row in enumerate(answer["rows"]):
        day = dt.date(2026, 1, 1) + dt.timedelta(days=at)
        assert row == {
            "time": f"{day}T00:00:00Z",
            "date": str(day),
            "horizon_days": at + 1,
            "note": None,
            "yearly_mean": 100.5,
            "season": 10.0 + at,
            "recent_level": -3.0 + at,
            "other": 0.25,
            "mean": MEAN[at],
        }
        shares = (row["season"], row["recent_level"], row["other"])
        assert row["yearly_mean"] + sum(shares) == pytest.approx(row["mean"])


def test_totals_are_sums_of_first_days(empty):
    view = publish_issue(empty)
    totals = explanation(IssueLoader(empty), view)["totals"]
    assert [total["days"] for total in totals] == [1, 7]  # the paths are shorter than 28 days
    assert totals[1] == {
        "days": 7,
        "yearly_mean": 703.5,
        "season": float(sum(range(10, 17))),
        "recent_level": float(sum(range(-3, 4))),
        "other": 1.75,
        "mean": round(sum(MEAN[:7]), 3),
    }
    third = dt.date(2026, 1, 3)
    later = explanation(IssueLoader(empty), replace(view, today=third, first=third))
    assert (len(later["rows"]), later["rows"][0]["horizon_days"]) == (12, 3)
    assert later["rows"][0]["season"] == later["totals"][0]["season"] == 12.0


def test_weather_is_first_and_four_weeks_have_a_total(empty):
    answer = explanation(IssueLoader(empty), publish_issue(empty, 28, weather=[0.0] * 14))
    assert answer["factors"] == ["weather", "season", "recent_level", "other"]
    month = answer["totals"][-1]
    assert (month["days"], month["mean"]) == (28, round(2 * sum(MEAN), 3))


def test_days_beyond_the_explanation_are_not_found(empty):
    """Paths are longer than their explanation."""
    view = publish_issue(empty)
    longer = replace(view, paths=make_view(random_paths("2026-01-01", 20).values).paths)
    last, beyond = dt.date(2026, 1, 14), dt.date(2026, 1, 15)
    answer = explanation(IssueLoader(empty), replace(longer, today=last, first=last))
    assert [row["date"] for row in answer["rows"]] == [str(last)]
    with pytest.raises(NotFound, match=f"explains days to {last}, not {beyond}"):
        explanation(IssueLoader(empty), replace(longer, today=beyond, first=beyond))


def test_issue_without_note_has_no_explanation(context):
    issue = publish(context.database, {"climatology": random_paths("2026-01-01", 14)}, 1)
    view = replace(make_view(random_paths("2026-01-01", 14).values), issue=issue)
    with pytest.raises(NotFound, match=f"issue {issue.issue_id} has no explanation"):
        explanation(IssueLoader(context), view)
