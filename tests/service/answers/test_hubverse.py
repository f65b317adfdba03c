"""Hubverse rows: quantiles of each day, and sample paths."""

from __future__ import annotations

import math

import numpy as np
import pytest

from service.answers.hubverse import COLUMNS, hubverse
from tests.service.answers.test_headline import make_view
from tests.service.support import random_paths

PATHS = random_paths("2026-01-01", 14, n_paths=250)
LEVELS = [0.01, 0.025, *(round(0.05 * n, 2) for n in range(1, 20)), 0.975, 0.99]


def test_rows_of_each_day_level_and_sample():
    rows = hubverse(make_view(PATHS.values), 3)
    assert len(rows) == 3 * (23 + 100)
    assert all(tuple(row) == COLUMNS for row in rows)
    first = rows[0]
    assert (first["origin_date"], first["target"], first["location"]) == (
        "2025-12-31",
        "daily people arriving",
        "GB",
    )
    ends = [(row["horizon"], row["target_end_date"]) for row in rows]
    assert sorted(set(ends)) == [(1, "2026-01-01"), (2, "2026-01-02"), (3, "2026-01-03")]


def test_quantiles_equal_those_of_sorted_paths():
    rows = [row for row in hubverse(make_view(PATHS.values), 5) if row["output_type"] == "quantile"]
    assert [row["output_type_id"] for row in rows[:23]] == LEVELS
    for row in rows:
        day = sorted(PATHS.values[:, row["horizon"] - 1].tolist())
        assert row["value"] == day[math.ceil(round(row["output_type_id"] * 250, 9)) - 1]


@pytest.mark.parametrize("n_paths", [250, 40])
def test_sample_is_one_path(n_paths):
    values = PATHS.values[:n_paths]
    rows = [row for row in hubverse(make_view(values), 14) if row["output_type"] == "sample"]
    for number in range(1, 101):
        path = [row["value"] for row in rows if row["output_type_id"] == number]
        at = (number - 1) * n_paths // 100
        np.testing.assert_array_equal(path, values[at])
