from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries
from service.answers.errors import NotPossible
from service.answers.headline import headline
from service.answers.issue_loader import IssueLoader, IssueView
from service.answers.state import Reason, State
from service.core.context import Context
from service.issues.issue_store import Entry, Issue
from tests.service.support import NOW, ROUTE, Hand, utc


def view(values: Any, start: str = "2026-01-01", **state: Any) -> IssueView:
    first = np.datetime64(start)
    day = (first - ONE_DAY).item()
    issue = Issue(
        *("i", "people", 1, "live", day, day, NOW, NOW, "pool", "pool", 1, 100, 28, "h"),
    )
    known = DailySeries("people", first - 100 * ONE_DAY, np.ones(100, dtype=int))
    entry = Entry("pool", "Pool", "champion", "v")
    today = first.item()
    whole = {"state": State("fresh", ()), "today": today, "first": today, "is_past": False} | state
    paths = Paths(first, np.asarray(values))
    return IssueView(
        route=ROUTE,
        issue=issue,
        entry=entry,
        paths=paths,
        observed=known,
        moment=NOW,
        **whole,
    )


@pytest.fixture
def loader(context: Context, clock: Hand) -> IssueLoader:
    clock.now = utc(2026, 1, 1, 12)
    return IssueLoader(context, clock)


def test_the_sentence_says_the_numbers(loader: IssueLoader) -> None:
    values = np.zeros((100, 28), dtype=int)
    values[:, 6] = np.arange(100) * 10  # 0 to 990 on the last of the seven days
    values[:, 7] = 5_000
    found = headline(loader, view(values))
    assert found == {
        "sentence": (
            "Next 7 days: about 500 people (80% chance of between 100 and 900); "
            "49% chance of a day above 500."
        ),
        "caution": "",
        "from": "2026-01-01",
        "to": "2026-01-07",
        "median": 490,
        "lo80": 90,
        "hi80": 890,
        "threshold": 500,
        "p_above": 0.49,
    }


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("2026-01-01", "Next 7 days:"),
        ("2026-01-02", "Next 7 days:"),
        ("2026-01-03", "3 to 9 January 2026:"),
        ("2026-01-29", "29 January to 4 February 2026:"),
        ("2026-12-29", "29 December 2026 to 4 January 2027:"),
    ],
)
def test_the_days_are_named_when_they_are_not_the_next(
    loader: IssueLoader, start: str, words: str
) -> None:
    assert headline(loader, view(np.ones((10, 28), int), start))["sentence"].startswith(words)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("2025-11-01", "for 1 to 7 November 2025 (80% chance of between 7 and 7); 1,269 arrived."),
        ("2025-12-29", "29 December 2025 to 4 January 2026 (80% chance of between 7 and 7); "),
        ("2025-12-29", " arrived on the 3 of 7 days with published figures."),
        ("2026-01-01", "the figures for these days are not published yet."),
    ],
)
def test_days_that_are_over_are_spoken_of_as_past(
    loader: IssueLoader, start: str, words: str
) -> None:
    said = headline(loader, view(np.ones((10, 28), int), start, is_past=True))
    assert said["sentence"].startswith("We forecast about 7 people for ")
    assert words in said["sentence"]
    assert said["caution"] == ""


@pytest.mark.parametrize("name", ["figures_old", "source_late"])
def test_figures_that_are_old_are_named_after_the_week(loader: IssueLoader, name: str) -> None:
    old = State("stale", (Reason(name, "old"),))
    said = headline(loader, view(np.ones((10, 28), int), state=old))
    assert said["sentence"].startswith("Next 7 days: about 7 people")
    assert said["caution"] == (
        "There are no figures after 31 December 2025, so this reflects the season and the level "
        "then."
    )


def test_a_week_that_the_issue_does_not_reach_is_no_shorter_week(loader: IssueLoader) -> None:
    with pytest.raises(NotPossible, match="issue i ends on 2026-01-06"):
        headline(loader, view(np.ones((10, 6), int)))


@pytest.mark.parametrize(
    ("above", "words"),
    [
        (0, "under 1% chance"),
        (4, "under 1% chance"),
        (5, "under 1% chance"),
        (6, "1% chance"),
        (500, "50% chance"),
        (994, "99% chance"),
        (995, "over 99%"),
    ],
)
def test_a_chance_claims_no_more_than_a_sample_knows(
    loader: IssueLoader, above: int, words: str
) -> None:
    values = np.zeros((1000, 28), dtype=int)
    values[:above, 2] = 501
    assert words in headline(loader, view(values))["sentence"]
