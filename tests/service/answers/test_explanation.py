"""The stored attribution, by day and summed over the first days."""

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
    "season": np.arange(10.0, 38.0).tolist(),
    "recent level": np.arange(-3.0, 25.0).tolist(),
    "weather": [0.25] * 28,
}
MEAN = [100.5 + sum(day) for day in zip(*FACTORS.values(), strict=True)]


def publish_issue(context, days, horizon=0):
    """Publish an issue of `horizon` days, by default `days`, of which `days` are explained."""
    paths = random_paths("2026-01-01", horizon or days)
    issue = publish(context.database, {"climatology": paths}, record_run(context.database, "one"))
    factors = {name: shares[:days] for name, shares in FACTORS.items()}
    note = {"method": "Shapley", "yearly_mean": 100.5, "mean": MEAN[:days], "factors": factors}
    with context.database.writing() as connection:
        note_store.save_note(connection, issue.issue_id, note_store.EXPLANATION, note)
    return replace(make_view(paths.values), issue=issue)


@pytest.mark.parametrize(("n_days", "spans"), [(14, [1, 7]), (28, [1, 7, 28])])
def test_factors_of_each_day_and_total_add_up_to_the_mean(empty, n_days, spans):
    answer = explanation(IssueLoader(empty), publish_issue(empty, n_days))
    days = [dt.date(2026, 1, 1) + dt.timedelta(days=at) for at in range(n_days)]
    numbers = [
        {
            "yearly_mean": 100.5,
            "weather": 0.25,  # first, though it was stored last
            "season": FACTORS["season"][at],
            "recent_level": FACTORS["recent level"][at],
            "mean": MEAN[at],
        }
        for at in range(n_days)
    ]
    assert answer == {
        "method": "Shapley",
        "model": "climatology",
        "yearly_mean": 100.5,
        "factors": ["weather", "season", "recent_level"],
        "rows": [
            {"time": f"{day}T00:00:00Z", "date": str(day), "horizon_days": at, "note": None} | row
            for at, (day, row) in enumerate(zip(days, numbers, strict=True), start=1)
        ],
        "totals": [
            {"days": span} | {name: sum(row[name] for row in numbers[:span]) for name in numbers[0]}
            for span in spans
        ],
    }
    for row in answer["rows"] + answer["totals"]:
        shares = sum(row[name] for name in ("yearly_mean", *answer["factors"]))
        assert shares == pytest.approx(row["mean"])


def test_explanation_begins_on_the_first_day(empty):
    """Paths are longer than their explanation."""
    view = publish_issue(empty, 14, horizon=20)

    def explain(day):
        first = dt.date(2026, 1, day)
        return explanation(IssueLoader(empty), replace(view, today=first, first=first))

    third = explain(3)
    assert (len(third["rows"]), third["rows"][0]["horizon_days"]) == (12, 3)
    assert third["rows"][0]["season"] == third["totals"][0]["season"] == 12.0
    assert [row["date"] for row in explain(14)["rows"]] == ["2026-01-14"]
    with pytest.raises(NotFound, match="explains days to 2026-01-14, not 2026-01-15"):
        explain(15)


def test_issue_without_note_has_no_explanation(context):
    issue = publish(context.database, {"climatology": random_paths("2026-01-01", 14)}, 1)
    view = replace(make_view(random_paths("2026-01-01", 14).values), issue=issue)
    with pytest.raises(NotFound, match=f"issue {issue.issue_id} has no explanation"):
        explanation(IssueLoader(context), view)
