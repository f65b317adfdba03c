from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from forecast.paths import Paths
from forecast.series import DailySeries
from service.answers.desk import View
from service.answers.headline import headline
from service.answers.state import State
from service.store.issues import Entry, Issue
from tests.service.support import NOW, utc


def view(values: Any, moment: dt.datetime = NOW, start: str = "2026-01-01") -> View:
    first = np.datetime64(start)
    day = (first - 1).item()
    issue = Issue(
        *("i", "people", 1, "live", day, day, NOW, NOW, "pool", "pool", 1, 100, 28, "h"),
    )
    known = DailySeries("people", first - 100, np.ones(100, dtype=int))
    entry = Entry("pool", "v", "champion", "Pool")
    return View(issue, entry, Paths(first, np.asarray(values)), known, State("fresh", ()), moment)


def test_the_sentence_says_the_numbers() -> None:
    values = np.zeros((100, 28), dtype=int)
    values[:, 6] = np.arange(100) * 10  # 0 to 990 on the last of the seven days
    values[:, 7] = 5_000
    found = headline(view(values))
    assert found == {
        "sentence": (
            "Next 7 days: about 490 people, 8 weeks in 10 between 90 and 890; "
            "49 % chance of a day above 500."
        ),
        "from": "2026-01-01",
        "to": "2026-01-07",
        "median": 490,
        "lo80": 90,
        "hi80": 890,
        "threshold": 500,
        "p_above": 0.49,
    }


@pytest.mark.parametrize(
    ("moment", "start", "words"),
    [
        (utc(2025, 12, 31, 12), "2026-01-01", "Next 7 days:"),
        (utc(2026, 1, 2, 23, 59), "2026-01-01", "Next 7 days:"),
        (utc(2026, 1, 3, 0, 0), "2026-01-01", "1 to 7 January 2026:"),
        (utc(2026, 6, 1), "2026-01-29", "29 January to 4 February 2026:"),
        (utc(2026, 6, 1), "2025-12-29", "29 December to 4 January 2026:"),
    ],
)
def test_the_days_are_named_when_they_are_not_the_next(
    moment: dt.datetime, start: str, words: str
) -> None:
    sentence = headline(view(np.ones((10, 28), dtype=int), moment, start))["sentence"]
    assert sentence.startswith(words)


@pytest.mark.parametrize(
    ("above", "words"),
    [
        (0, "under 1 % chance"),
        (4, "under 1 % chance"),
        (5, "under 1 % chance"),
        (6, "1 % chance"),
        (500, "50 % chance"),
        (994, "99 % chance"),
        (995, "over 99 %"),
    ],
)
def test_a_chance_claims_no_more_than_a_sample_knows(above: int, words: str) -> None:
    values = np.zeros((1000, 28), dtype=int)
    values[:above, 2] = 501
    assert words in headline(view(values))["sentence"]
