"""Everything that is read off paths, beside a slow loop over the same paths."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from forecast.paths import (
    Paths,
    PathsError,
    bound_names,
    interval_probabilities,
    quantiles,
    summary,
)
from forecast.series import ONE_DAY

START = np.datetime64("2024-02-27", "D")
VALUES = hnp.arrays(
    np.int32,
    st.tuples(st.integers(1, 30), st.integers(1, 12)),
    elements=st.integers(0, 9) | st.integers(0, 1500),
)
PATHS = VALUES.map(lambda values: Paths(START, values))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros(3, int), r"shape \(n_paths, horizon\), found \(3,\)"),
        (np.zeros((0, 3), int), "shape"),
        (np.zeros((3, 0), int), "shape"),
        (np.zeros((2, 2)), "whole counts, found an array of float64"),
        (np.zeros((2, 2), bool), "whole counts"),
        (np.array([[1, -1]]), "from 0 to 2.31 - 1, found -1 to 1"),
        (np.array([[2**31]]), "found 2147483648"),
    ],
)
def test_what_is_no_set_of_paths_is_refused(values: Any, words: str) -> None:
    with pytest.raises(PathsError, match=words):
        Paths(START, values)


def test_paths_are_frozen() -> None:
    given_values = np.array([[1, 2]])
    paths = Paths(START, given_values)
    given_values[0, 0] = 99
    assert paths.values[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        paths.values[0, 0] = 5


@given(PATHS, st.lists(st.integers(0, 1000), min_size=1, max_size=6))
def test_quantiles_by_a_slow_loop(paths: Paths, per_mille: list[int]) -> None:
    """The smallest value of the sample that at least the share p of it does not pass."""
    fast = paths.quantiles([p / 1000 for p in per_mille])
    for row, p in zip(fast, per_mille, strict=True):
        for day in range(paths.horizon):
            ordered = sorted(paths.values[:, day].tolist())
            enough = max(math.ceil(Fraction(p, 1000) * len(ordered)), 1)
            assert row[day] == ordered[enough - 1]


@given(PATHS)
def test_quantiles_are_values_that_occurred_and_never_cross(paths: Paths) -> None:
    several = paths.quantiles(np.linspace(0, 1, 21).tolist())
    assert (np.diff(several, axis=0) >= 0).all()
    for day in range(paths.horizon):
        assert set(several[:, day]) <= set(paths.values[:, day])
    lo80, hi80 = paths.quantiles(interval_probabilities(80))
    lo95, hi95 = paths.quantiles(interval_probabilities(95))
    assert (lo95 <= lo80).all() and (lo80 <= paths.median()).all()
    assert (paths.median() <= hi80).all() and (hi80 <= hi95).all()


def test_quantiles_of_binary_fractions() -> None:
    """0.9 * 1000 is a little more than 900 in floating point; the 900th value is meant."""
    sample = np.arange(1, 1001)[:, None]
    assert quantiles(sample, [0.07, 0.28, 0.55, 0.9, 0.975]).ravel().tolist() == [
        70,
        280,
        550,
        900,
        975,
    ]


@pytest.mark.parametrize("probability", [-0.1, 1.1, math.nan])
def test_probabilities_lie_between_0_and_1(probability: float) -> None:
    with pytest.raises(PathsError, match="probabilities from 0 to 1"):
        quantiles(np.arange(5), [probability])


@pytest.mark.parametrize("level", [0, 100, -5, math.nan])
def test_levels_lie_between_0_and_100(level: float) -> None:
    with pytest.raises(PathsError, match="between 0 and 100"):
        interval_probabilities(level)


def test_interval_probabilities() -> None:
    assert interval_probabilities(80) == pytest.approx((0.1, 0.9))
    assert interval_probabilities(95) == pytest.approx((0.025, 0.975))


def test_names_of_bounds() -> None:
    assert bound_names([50, 99]) == ["lo50", "hi50", "lo99", "hi99"]


@given(PATHS, st.lists(st.sampled_from([50, 80, 90, 95, 99]), unique=True))
def test_summary_by_a_slow_loop(paths: Paths, levels: list[int]) -> None:
    fast = paths.summary(levels)
    assert list(fast) == ["median", "mean", *bound_names(levels)]
    for day, values in enumerate(paths.values.T):
        slow = {"median": 0.5, "mean": None}
        for level in levels:
            slow |= {f"lo{level}": (100 - level) / 200, f"hi{level}": (100 + level) / 200}
        for name, p in slow.items():
            # The inverse of the empirical distribution function, as numpy names it.
            one = values.mean() if p is None else np.quantile(values, p, method="inverted_cdf")
            assert fast[name][day] == one
            assert summary(values, levels)[name] == one


@given(PATHS, st.data())
def test_totals_are_sums_along_each_path(paths: Paths, data: st.DataObject) -> None:
    i = data.draw(st.integers(0, paths.horizon - 1))
    j = data.draw(st.integers(i, paths.horizon - 1))
    total = paths.total(START + i * ONE_DAY, START + j * ONE_DAY)
    assert total.tolist() == [sum(path[i : j + 1]) for path in paths.values.tolist()]
    # Two halves of a span make the whole of it, path by path.
    middle = data.draw(st.integers(i, j))
    left = paths.total(START + i * ONE_DAY, START + middle * ONE_DAY)
    right = paths.total(START + (middle + 1) * ONE_DAY, START + j * ONE_DAY) if middle < j else 0
    np.testing.assert_array_equal(left + right, total)


def test_totals_do_not_overflow() -> None:
    paths = Paths(START, np.full((2, 3), 2**31 - 1))
    assert paths.total(START, START + 2 * ONE_DAY).tolist() == [3 * (2**31 - 1)] * 2
    assert paths.rolling(3).ravel().tolist() == [3 * (2**31 - 1)] * 2
    assert paths.mean().tolist() == [2**31 - 1.0] * 3


@pytest.mark.parametrize(("first", "last"), [(-1, 1), (0, 3), (2, 1), (5, 6)])
def test_totals_stay_within_the_target_days(first: int, last: int) -> None:
    with pytest.raises(PathsError, match=r"within 2024-02-27\.\.2024-02-29"):
        Paths(START, np.ones((2, 3), int)).total(START + first * ONE_DAY, START + last * ONE_DAY)


@given(PATHS, st.data())
def test_rolling_and_exceedance_by_a_slow_loop(paths: Paths, data: st.DataObject) -> None:
    window = data.draw(st.integers(1, paths.horizon))
    threshold = data.draw(st.integers(-1, 3000) | st.sampled_from([0, 5, 5.5]))
    slow = [
        [sum(path[k : k + window]) for k in range(paths.horizon - window + 1)]
        for path in paths.values.tolist()
    ]
    assert paths.rolling(window).tolist() == slow
    n = paths.n_paths
    above = [sum(row[k] > threshold for row in slow) / n for k in range(len(slow[0]))]
    assert paths.exceedance(threshold, window).tolist() == pytest.approx(above)
    some = sum(any(total > threshold for total in row) for row in slow) / n
    assert paths.any_exceedance(threshold, window) == pytest.approx(some)


@given(PATHS, st.integers(0, 1500), st.integers(0, 1500))
def test_a_higher_threshold_is_passed_less_often(paths: Paths, one: int, two: int) -> None:
    low, high = sorted((one, two))
    assert (paths.exceedance(low) >= paths.exceedance(high)).all()
    assert paths.any_exceedance(low) >= paths.any_exceedance(high)
    assert paths.any_exceedance(low) >= paths.exceedance(low).max()


@given(PATHS)
def test_p_zero_mean_and_exceedance_agree(paths: Paths) -> None:
    np.testing.assert_allclose(paths.p_zero() + paths.exceedance(0), 1.0)
    np.testing.assert_allclose(paths.mean() * paths.n_paths, paths.values.sum(axis=0))


@given(PATHS, st.data())
def test_upto_says_the_same_of_the_days_it_keeps(paths: Paths, data: st.DataObject) -> None:
    horizon = data.draw(st.integers(1, paths.horizon))
    part = paths.upto(horizon)
    assert (part.horizon, part.end) == (horizon, START + (horizon - 1) * ONE_DAY)
    np.testing.assert_array_equal(part.median(), paths.median()[:horizon])


@pytest.mark.parametrize("days", [0, 4])
def test_upto_and_rolling_stay_within_the_horizon(days: int) -> None:
    paths = Paths(START, np.ones((2, 3), int))
    with pytest.raises(PathsError, match="horizon of 1 to 3 days"):
        paths.upto(days)
    with pytest.raises(PathsError, match="window of 1 to 3 days"):
        paths.rolling(days)


def test_dates_cross_the_leap_day() -> None:
    paths = Paths(START, np.ones((2, 4), int))
    assert str(paths.dates[2]) == "2024-02-29"
    assert str(paths.end) == "2024-03-01"


@given(PATHS)
def test_quiet_days_and_runs_by_a_slow_loop(paths: Paths) -> None:
    for path, longest, quiet in zip(
        paths.values.tolist(), paths.longest_quiet_run(), paths.quiet_days(), strict=True
    ):
        runs, run = [0], 0
        for count in path:
            run = run + 1 if count == 0 else 0
            runs.append(run)
        assert (longest, quiet) == (max(runs), path.count(0))


@given(PATHS, st.integers(1, 9), st.lists(st.integers(0, 500), max_size=12))
def test_people_present_by_a_slow_loop(paths: Paths, stay_days: int, before: list[int]) -> None:
    present = paths.present(stay_days, np.array(before, dtype=np.int64) if before else None)
    assert present.shape == paths.values.shape
    for path, counts in zip(paths.values.tolist(), present.tolist(), strict=True):
        for day, count in enumerate(counts):
            arrived = [*before, *path[: day + 1]]
            assert count == sum(arrived[-stay_days:])


@given(PATHS, st.lists(st.integers(1, 999), min_size=1, max_size=4, unique=True))
def test_quantiles_of_a_table_are_those_of_its_columns(paths: Paths, per_mille: list[int]) -> None:
    probabilities = [p / 1000 for p in per_mille]
    table = quantiles(paths.values, probabilities)
    for day in range(paths.horizon):
        column = paths.values[:, day]
        expected = np.quantile(column, probabilities, method="inverted_cdf")
        np.testing.assert_array_equal(table[:, day], expected)
