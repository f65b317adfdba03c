from __future__ import annotations

import statistics

import pytest

from service.answers.ahead import Ahead
from service.answers.quiet import quiet
from tests.service.support import random_paths


def longest_run(days):
    """Length of the longest run of zeros."""
    best = run = 0
    for count in days:
        run = run + 1 if count == 0 else 0
        best = max(best, run)
    return best


@pytest.mark.parametrize("horizon", [1, 9, 20])
def test_chances_equal_counts_in_loops(horizon):
    paths = random_paths("2026-01-01", 20, n_paths=60)
    answer = quiet(Ahead.of(paths), horizon)
    rows = [row[:horizon] for row in paths.values.tolist()]
    runs, counts = [longest_run(row) for row in rows], [row.count(0) for row in rows]
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
