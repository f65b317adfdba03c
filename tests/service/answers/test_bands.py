import numpy as np
import pytest

from forecast.paths import Paths
from service.answers.ahead import Ahead
from service.answers.bands import LEVELS, LIKELIHOODS, bands, likelihood
from tests.service.support import ROUTE, random_paths

PEOPLE = ROUTE.series["people"]


def test_numbers_equal_those_of_loops():
    paths = random_paths("2025-12-30", 30, 77)
    rows = bands(Ahead.of(paths), 28, LEVELS, PEOPLE)
    assert len(rows) == 28
    for at, row in enumerate(rows):
        day = sorted(paths.values[:, at].tolist())
        date = str(paths.dates[at])
        numbers = {"time": f"{date}T00:00:00Z", "date": date, "horizon_days": at + 1}
        numbers["median"] = next(v for n, v in enumerate(day, 1) if n / 77 >= 0.5)
        numbers["mean"] = pytest.approx(sum(day) / 77, abs=0.0051)
        numbers["p_zero"] = round(day.count(0) / 77, 4)
        numbers["p_any"] = round((77 - day.count(0)) / 77, 4)
        numbers["likelihood"] = likelihood(day.count(0) / 77, PEOPLE)
        for level in LEVELS:
            for bound, share in (("lo", (100 - level) / 200), ("hi", (100 + level) / 200)):
                quantile = next(v for n, v in enumerate(day, 1) if n / 77 >= share - 1e-12)
                numbers[f"{bound}{level}"] = quantile
                assert isinstance(row[f"{bound}{level}"], int)
        assert row == numbers | {"note": None}
        assert list(row) == [*numbers, "note"]
    (row,) = bands(Ahead.of(paths), 1, [80], None)
    assert row["likelihood"] is None and row["p_any"] is not None


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
