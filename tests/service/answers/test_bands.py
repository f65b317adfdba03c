from __future__ import annotations

import numpy as np
import pytest

from forecast.paths import Paths
from service.answers.ahead import Ahead
from service.answers.bands import LEVELS, LIKELIHOODS, bands, likelihood
from service.core.route_files import enabled_routes
from service.core.settings import Settings
from tests.service.support import random_paths

PEOPLE = enabled_routes(Settings().series_dir)[0].series["people"]


def test_rows_begin_after_the_figures():
    rows = bands(Ahead.of(random_paths("2025-12-30", 10)), 4, [80], PEOPLE)
    assert [(row["date"], row["horizon_days"]) for row in rows] == [
        *(("2025-12-30", 1), ("2025-12-31", 2), ("2026-01-01", 3), ("2026-01-02", 4))
    ]
    assert rows[0]["time"] == "2025-12-30T00:00:00Z"
    assert list(rows[0]) == [
        *("time", "date", "horizon_days", "median", "mean", "p_zero", "p_any", "likelihood"),
        *("lo80", "hi80", "note"),
    ]
    (row,) = bands(Ahead.of(random_paths("2026-01-01", 10)), 1, [80], None)
    assert row["likelihood"] is None and row["p_any"] is not None


def test_numbers_equal_those_of_loops():
    paths = random_paths("2026-01-01", 30, 77)
    for ahead, row in enumerate(bands(Ahead.of(paths), 30, LEVELS, PEOPLE)):
        day = sorted(paths.values[:, ahead].tolist())
        assert row["mean"] == pytest.approx(sum(day) / 77, abs=0.0051)
        assert row["p_zero"] == round(day.count(0) / 77, 4)
        assert row["p_any"] == round((77 - day.count(0)) / 77, 4)
        assert row["likelihood"] == likelihood(day.count(0) / 77, PEOPLE)
        for level in LEVELS:
            for bound, share in (("lo", (100 - level) / 200), ("hi", (100 + level) / 200)):
                quantile = next(v for at, v in enumerate(day, 1) if at / 77 >= share - 1e-12)
                assert row[f"{bound}{level}"] == quantile
                assert isinstance(row[f"{bound}{level}"], int)
        assert row["median"] == next(v for at, v in enumerate(day, 1) if at / 77 >= 0.5)


def test_class_is_of_unrounded_chance():
    """55,001 paths of 100,000 are over 55% and are shown as 0.55."""
    arrivals = np.zeros((100_000, 3), np.int32)
    arrivals[:55_000, 0] = arrivals[:55_001, 1] = 1
    arrivals[:34_999, 2] = 1
    rows = bands(Ahead.of(Paths(np.datetime64("2026-01-01"), arrivals)), 3, [80], PEOPLE)
    assert [row["likelihood"] for row in rows] == ["possible", "likely", "unlikely"]
    assert [row["p_any"] for row in rows] == [0.55, 0.55, 0.35]


def test_every_declared_threshold_is_itself_possible():
    """With any number of paths, despite rounding in 1 - p_zero."""
    for n_paths in (100, 1000, 2000, 100_000):
        for per_cent in range(101):
            chance = per_cent / 100
            declared = PEOPLE.model_copy(update={"likely_above": chance, "unlikely_below": chance})
            zeros = n_paths - n_paths * per_cent // 100
            for count, name in zip((zeros - 1, zeros, zeros + 1), LIKELIHOODS, strict=True):
                if 0 <= count <= n_paths:
                    assert likelihood(count / n_paths, declared) == name
