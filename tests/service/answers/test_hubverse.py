"""Hubverse rows: quantiles of each day, and sample paths."""

import math

import pytest

from service.answers.hubverse import hubverse
from tests.service.answers.test_headline import make_view
from tests.service.support import random_paths

PATHS = random_paths("2026-01-01", 14, n_paths=250)
LEVELS = [0.01, 0.025, *(round(0.05 * n, 2) for n in range(1, 20)), 0.975, 0.99]


@pytest.mark.parametrize("n_paths", [250, 40])
def test_rows_equal_those_of_loops(n_paths):
    values, expected = PATHS.values[:n_paths], []
    for at in range(5):
        ordered = sorted(values[:, at].tolist())
        ranks = (math.ceil(round(level * n_paths, 9)) for level in LEVELS)
        outputs = [
            ("quantile", level, ordered[n - 1]) for level, n in zip(LEVELS, ranks, strict=True)
        ]
        outputs += [("sample", n + 1, values[n * n_paths // 100, at]) for n in range(100)]
        expected += [
            {
                "origin_date": "2025-12-31",
                "target": "daily people arriving",
                "horizon": at + 1,
                "target_end_date": f"2026-01-0{at + 1}",
                "location": "GB",
                "output_type": kind,
                "output_type_id": name,
                "value": value,
            }
            for kind, name, value in outputs
        ]
    rows = hubverse(make_view(values), 5)
    assert rows == expected
    assert list(rows[0]) == list(expected[0])
