"""Quiet days, counted path by path."""

from __future__ import annotations

import statistics

import numpy as np
import pytest

from forecast.paths import Paths
from service.answers.ahead import Ahead
from service.answers.errors import BadQuestion
from service.answers.quiet import quiet
from tests.service.support import random_paths


def longest(days: list[int]) -> int:
    """Length of the longest run of zeros."""
    best = run = 0
    for count in days:
        run = run + 1 if count == 0 else 0
        best = max(best, run)
    return best


@pytest.mark.parametrize("horizon", [1, 9, 20])
def test_the_numbers_are_those_of_a_slow_loop(horizon: int) -> None:
    paths = random_paths("2026-01-01", 20, n_paths=60)
    answer = quiet(Ahead.of(paths), horizon)
    near = [row[:horizon] for row in paths.values.tolist()]
    runs, counts = [longest(row) for row in near], [row.count(0) for row in near]
    assert answer["horizon"] == horizon
    assert [row["days"] for row in answer["rows"]] == list(range(horizon + 1))
    for row in answer["rows"]:
        days = row["days"]
        assert row == {
            "days": days,
            "p_longest_run": round(sum(n == days for n in runs) / 60, 4),
            "p_longest_run_at_least": round(sum(n >= days for n in runs) / 60, 4),
            "p_quiet_days": round(sum(n == days for n in counts) / 60, 4),
            "p_quiet_days_at_least": round(sum(n >= days for n in counts) / 60, 4),
        }
    for name, sample in (("longest_run", runs), ("quiet_days", counts)):
        ordered = sorted(sample)
        at = [next(v for k, v in enumerate(ordered, 1) if k / 60 >= p) for p in (0.1, 0.5, 0.9)]
        assert answer[name] == {
            "median": at[1],
            "mean": round(statistics.fmean(sample), 2),
            "lo80": at[0],
            "hi80": at[2],
        }


def test_a_run_by_hand() -> None:
    answer = quiet(
        Ahead.of(Paths(np.datetime64("2026-01-01"), np.array([[0, 0, 5, 0, 0, 0, 9]]))), 7
    )
    assert answer["longest_run"]["median"] == 3
    assert answer["quiet_days"]["median"] == 5
    assert [row["p_longest_run_at_least"] for row in answer["rows"]] == [1, 1, 1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("horizon", [0, 21])
def test_a_horizon_beyond_the_paths_is_refused(horizon: int) -> None:
    with pytest.raises(BadQuestion, match=f"horizon: expected .* 1 to 20, .*found {horizon}"):
        quiet(Ahead.of(random_paths("2026-01-01", 20)), horizon)
