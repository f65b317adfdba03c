from __future__ import annotations

import numpy as np
import pytest

from forecast.paths import Paths
from service.answers.ahead import Ahead
from service.answers.bands import LEVELS, LIKELIHOODS, bands, check_levels, likelihood
from service.answers.errors import BadQuestion
from service.core.route_files import enabled_routes
from service.core.settings import Settings
from tests.service.support import random_paths

PEOPLE = enabled_routes(Settings().series_dir)[0].series["people"]


def test_a_row_a_day_from_the_day_after_the_figures() -> None:
    rows = bands(Ahead.of(random_paths("2025-12-30", 10)), 4, [80], PEOPLE)
    assert [row["date"] for row in rows] == [
        "2025-12-30",
        "2025-12-31",
        "2026-01-01",
        "2026-01-02",
    ]
    assert [row["horizon_days"] for row in rows] == [1, 2, 3, 4]
    assert rows[0]["time"] == "2025-12-30T00:00:00Z"
    assert list(rows[0]) == [
        *("time", "date", "horizon_days", "median", "mean", "p_zero", "p_any", "likelihood"),
        *("lo80", "hi80", "note"),
    ]


def test_the_numbers_are_those_of_a_slow_loop() -> None:
    paths = random_paths("2026-01-01", 30, 77)
    for ahead, row in enumerate(bands(Ahead.of(paths), 30, LEVELS, PEOPLE)):
        day = sorted(paths.values[:, ahead].tolist())
        assert row["mean"] == pytest.approx(sum(day) / 77, abs=0.0051)
        assert row["p_zero"] == round(day.count(0) / 77, 4)
        assert row["p_any"] == round((77 - day.count(0)) / 77, 4)
        assert row["likelihood"] == likelihood(day.count(0) / 77, PEOPLE)
        for level in LEVELS:
            for bound, share in (("lo", (100 - level) / 200), ("hi", (100 + level) / 200)):
                least = next(v for at, v in enumerate(day, 1) if at / 77 >= share - 1e-12)
                assert row[f"{bound}{level}"] == least
        assert row["median"] == next(v for at, v in enumerate(day, 1) if at / 77 >= 0.5)


def test_bands_lie_within_each_other() -> None:
    for row in bands(Ahead.of(random_paths("2026-01-01", 100, 300)), 100, LEVELS, PEOPLE):
        chain = [row[f"lo{level}"] for level in reversed(LEVELS)]
        chain += [row["median"]] + [row[f"hi{level}"] for level in LEVELS]
        assert chain == sorted(chain)
        assert chain[0] >= 0
        assert all(isinstance(value, int) for value in chain)


def test_days_without_spread() -> None:
    paths = Paths(np.datetime64("2026-01-01"), np.full((10, 1), 7))
    (row,) = bands(Ahead.of(paths), 1, [50, 99], PEOPLE)
    assert {row[n] for n in ("median", "mean", "lo50", "hi50", "lo99", "hi99")} == {7}
    assert (row["p_zero"], row["p_any"], row["likelihood"]) == (0, 1, "likely")


def test_the_class_is_of_the_chance_before_it_is_rounded() -> None:
    """55,001 paths of 100,000 are more than 55%, and are shown as 0.55."""
    arrivals = np.zeros((100_000, 3), np.int32)
    arrivals[:55_000, 0] = arrivals[:55_001, 1] = 1
    arrivals[:34_999, 2] = 1
    rows = bands(Ahead.of(Paths(np.datetime64("2026-01-01"), arrivals)), 3, [80], PEOPLE)
    assert [row["likelihood"] for row in rows] == ["possible", "likely", "unlikely"]
    assert [row["p_any"] for row in rows] == [0.55, 0.55, 0.35]


def test_without_thresholds_there_is_no_class() -> None:
    (row,) = bands(Ahead.of(random_paths("2026-01-01", 10)), 1, [80], None)
    assert row["likelihood"] is None and row["p_any"] is not None


@pytest.mark.parametrize("horizon", [0, -1, 11, 401])
def test_a_horizon_beyond_the_paths_is_refused(horizon: int) -> None:
    with pytest.raises(BadQuestion, match=f"from 1 to 10, as 2026-01-10 is .*found {horizon}"):
        bands(Ahead.of(random_paths("2026-01-01", 10)), horizon, [80], PEOPLE)


@pytest.mark.parametrize("levels", [[], [0], [100], [81], [80, 80], [50, -1]])
def test_other_levels_are_refused(levels: list[int]) -> None:
    with pytest.raises(BadQuestion, match="expected some of 50, 80, 90, 95, 99, each once"):
        check_levels(levels)


@pytest.mark.parametrize(
    ("arrived", "expected"),
    [
        (2000, "likely"),
        (1101, "likely"),
        (1100, "possible"),  # exactly 0.55
        (1099, "possible"),
        (701, "possible"),
        (700, "possible"),  # exactly 0.35
        (699, "unlikely"),
        (0, "unlikely"),
    ],
)
def test_a_chance_at_a_threshold_is_possible(arrived: int, expected: str) -> None:
    assert likelihood((2000 - arrived) / 2000, PEOPLE) == expected


def test_every_declared_threshold_is_possible_itself() -> None:
    """With any number of paths, whatever 1 - p_zero is in binary fractions."""
    for n_paths in (100, 1000, 2000, 100_000):
        for per_cent in range(101):
            chance = per_cent / 100
            declared = PEOPLE.model_copy(update={"likely_above": chance, "unlikely_below": chance})
            zeros = n_paths - n_paths * per_cent // 100
            found = [
                likelihood(count / n_paths, declared)
                for count in (zeros - 1, zeros, zeros + 1)
                if 0 <= count <= n_paths
            ]
            assert found == [
                name
                for count, name in zip((zeros - 1, zeros, zeros + 1), LIKELIHOODS, strict=True)
                if 0 <= count <= n_paths
            ]
