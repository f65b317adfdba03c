"""Statistics of simulated paths, compared with plain loops."""

import math
from fractions import Fraction

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
    ("values", "message"),
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
def test_invalid_values_are_rejected(values, message):
    with pytest.raises(PathsError, match=message):
        Paths(START, values)


def test_values_are_copied_and_read_only():
    values = np.array([[1, 2]])
    paths = Paths(START, values)
    values[0, 0] = 99
    assert paths.values[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        paths.values[0, 0] = 5


@given(PATHS, st.lists(st.integers(0, 1000), min_size=1, max_size=6))
def test_quantiles_match_plain_loop(paths, per_mille):
    """The p-quantile is the smallest value that at least the share p is at or below."""
    probabilities = [p / 1000 for p in per_mille]
    rows = paths.quantiles(probabilities)
    np.testing.assert_array_equal(quantiles(paths.values, probabilities), rows)
    for row, p in zip(rows, per_mille, strict=True):
        for day in range(paths.horizon):
            ordered = sorted(paths.values[:, day].tolist())
            rank = max(math.ceil(Fraction(p, 1000) * len(ordered)), 1)
            assert row[day] == ordered[rank - 1]


def test_quantile_ranks_ignore_floating_point_error():
    """0.55 * 100 is a little more than 55 in floating point."""
    assert quantiles(np.arange(1, 101), [0.07, 0.28, 0.55]).tolist() == [7, 28, 55]


@pytest.mark.parametrize("probability", [-0.1, 1.1, math.nan])
def test_probability_outside_0_to_1_is_rejected(probability):
    with pytest.raises(PathsError, match="probabilities from 0 to 1"):
        quantiles(np.arange(5), [probability])


@pytest.mark.parametrize("level", [0, 100, -5, math.nan])
def test_level_outside_0_to_100_is_rejected(level):
    with pytest.raises(PathsError, match="between 0 and 100"):
        interval_probabilities(level)


@given(PATHS, st.lists(st.sampled_from([50, 80, 90, 95, 99]), unique=True))
def test_summary_matches_numpy_quantiles(paths, levels):
    actual = paths.summary(levels)
    assert list(actual) == ["median", "mean", *bound_names(levels)]
    np.testing.assert_array_equal(paths.median(), actual["median"])
    probabilities = {"median": 0.5}
    for level in levels:
        probabilities |= {f"lo{level}": (100 - level) / 200, f"hi{level}": (100 + level) / 200}
    for day, values in enumerate(paths.values.T):
        expected = {"mean": values.mean()} | {
            name: np.quantile(values, p, method="inverted_cdf") for name, p in probabilities.items()
        }
        assert {name: column[day] for name, column in actual.items()} == expected
        assert summary(values, levels) == expected


@given(PATHS, st.data())
def test_totals_sum_along_each_path(paths, data):
    i = data.draw(st.integers(0, paths.horizon - 1))
    j = data.draw(st.integers(i, paths.horizon - 1))
    total = paths.total(START + i * ONE_DAY, START + j * ONE_DAY)
    assert total.tolist() == [sum(path[i : j + 1]) for path in paths.values.tolist()]
    # Totals of adjacent periods add up within each path.
    middle = data.draw(st.integers(i, j))
    left = paths.total(START + i * ONE_DAY, START + middle * ONE_DAY)
    right = paths.total(START + (middle + 1) * ONE_DAY, START + j * ONE_DAY) if middle < j else 0
    np.testing.assert_array_equal(left + right, total)


def test_totals_do_not_overflow():
    paths = Paths(START, np.full((2, 3), 2**31 - 1))
    assert paths.total(START, START + 2 * ONE_DAY).tolist() == [3 * (2**31 - 1)] * 2
    assert paths.rolling(3).ravel().tolist() == [3 * (2**31 - 1)] * 2
    assert paths.mean().tolist() == [2**31 - 1.0] * 3


@pytest.mark.parametrize(("first", "last"), [(-1, 1), (0, 3), (2, 1), (5, 6)])
def test_total_outside_target_days_is_rejected(first, last):
    with pytest.raises(PathsError, match=r"within 2024-02-27\.\.2024-02-29"):
        Paths(START, np.ones((2, 3), int)).total(START + first * ONE_DAY, START + last * ONE_DAY)


@given(PATHS, st.data())
def test_rolling_and_exceedance_match_plain_loop(paths, data):
    window = data.draw(st.integers(1, paths.horizon))
    threshold = data.draw(st.integers(-1, 3000) | st.sampled_from([0, 5, 5.5]))
    sums = [
        [sum(path[k : k + window]) for k in range(paths.horizon - window + 1)]
        for path in paths.values.tolist()
    ]
    assert paths.rolling(window).tolist() == sums
    n = paths.n_paths
    above = [sum(row[k] > threshold for row in sums) / n for k in range(len(sums[0]))]
    assert paths.exceedance(threshold, window).tolist() == pytest.approx(above)
    any_above = sum(any(total > threshold for total in row) for row in sums) / n
    assert paths.any_exceedance(threshold, window) == pytest.approx(any_above)
    np.testing.assert_allclose(paths.p_zero(), 1 - paths.exceedance(0))


@given(PATHS, st.data())
def test_upto_keeps_the_first_days(paths, data):
    horizon = data.draw(st.integers(1, paths.horizon))
    first = paths.upto(horizon)
    assert (first.horizon, first.end) == (horizon, START + (horizon - 1) * ONE_DAY)
    np.testing.assert_array_equal(first.median(), paths.median()[:horizon])


@pytest.mark.parametrize("days", [0, 4])
def test_upto_and_rolling_beyond_horizon_are_rejected(days):
    paths = Paths(START, np.ones((2, 3), int))
    with pytest.raises(PathsError, match="horizon of 1 to 3 days"):
        paths.upto(days)
    with pytest.raises(PathsError, match="window of 1 to 3 days"):
        paths.rolling(days)


def test_dates_include_leap_day():
    paths = Paths(START, np.ones((2, 4), int))
    assert str(paths.dates[2]) == "2024-02-29"
    assert str(paths.end) == "2024-03-01"


@given(PATHS)
def test_quiet_days_and_runs_match_plain_loop(paths):
    for path, longest, quiet in zip(
        paths.values.tolist(), paths.longest_quiet_run(), paths.quiet_days(), strict=True
    ):
        runs, run = [0], 0
        for count in path:
            run = run + 1 if count == 0 else 0
            runs.append(run)
        assert (longest, quiet) == (max(runs), path.count(0))


@given(PATHS, st.integers(1, 9), st.lists(st.integers(0, 500), max_size=12))
def test_people_present_match_plain_loop(paths, stay_days, before):
    present = paths.present(stay_days, np.array(before, dtype=np.int64) if before else None)
    assert present.shape == paths.values.shape
    for path, counts in zip(paths.values.tolist(), present.tolist(), strict=True):
        for day, count in enumerate(counts):
            arrived = [*before, *path[: day + 1]]
            assert count == sum(arrived[-stay_days:])
