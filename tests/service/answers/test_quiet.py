import itertools
import statistics

import pytest

from service.answers.ahead import Ahead
from service.answers.quiet import quiet
from tests.service.support import random_paths


@pytest.mark.parametrize("horizon", [1, 9, 20])
def test_chances_equal_counts_in_loops(horizon):
    paths = random_paths("2026-01-01", 20, n_paths=60)
    answer = quiet(Ahead.of(paths), horizon)
    rows = [row[:horizon] for row in paths.values.tolist()]
    counts = [row.count(0) for row in rows]
    spells = [
        [len(list(days)) for count, days in itertools.groupby(row) if not count] for row in rows
    ]
    runs = [max(lengths, default=0) for lengths in spells]
    assert answer["horizon"] == horizon
    assert answer["rows"] == [
        {
            "days": days,
            "p_longest_run": round(sum(n == days for n in runs) / 60, 4),
            "p_longest_run_at_least": round(sum(n >= days for n in runs) / 60, 4),
            "p_quiet_days": round(sum(n == days for n in counts) / 60, 4),
            "p_quiet_days_at_least": round(sum(n >= days for n in counts) / 60, 4),
        }
        for days in range(horizon + 1)
    ]
    for name, sample in (("longest_run", runs), ("quiet_days", counts)):
        ordered = sorted(sample)  # of 60: the values of ranks 6, 30 and 54
        mean = round(statistics.fmean(sample), 2)
        quantiles = {"lo80": ordered[5], "median": ordered[29], "hi80": ordered[53]}
        assert answer[name] == quantiles | {"mean": mean}
