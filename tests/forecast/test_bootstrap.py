"""Paired block bootstrap."""

import datetime as dt

import numpy as np
import pytest
from scipy import stats

from forecast import bootstrap


@pytest.mark.parametrize(("n", "length"), [(1, 1), (2, 2), (8, 2), (27, 3), (77, 5), (153, 6)])
def test_block_length_is_cube_root_of_origins(n, length):
    assert bootstrap.block_length(n) == length


@pytest.mark.parametrize(("n", "overlap", "length"), [(1, 1, 1), (4, 1, 2), (77, 3, 5), (77, 4, 7)])
def test_resamples_are_blocks_of_consecutive_origins(n, overlap, length):
    places = bootstrap.resample(n, np.random.default_rng(1), overlap, resamples=300)
    assert places.shape == (300, n)
    for row in places[:50]:
        for begin in range(0, n, length):
            block = row[begin : begin + length]
            assert list(block) == [(block[0] + i) % n for i in range(len(block))]


@pytest.mark.parametrize(
    ("step", "horizon", "overlap"), [(7, 7, 1), (7, 8, 2), (7, 28, 4), (1, 28, 9)]
)
def test_overlap_counts_origins_whose_horizons_share_a_day(step, horizon, overlap):
    origins = [dt.date(2025, 1, 1) + step * at * dt.timedelta(days=1) for at in range(9)]
    lone = dt.date(2020, 1, 1)
    assert bootstrap.count_overlap([lone, *origins], horizon) == overlap
    assert bootstrap.count_overlap([], horizon) == 1


@pytest.mark.parametrize(("overlap", "fewest"), [(1, 8), (2, 8), (3, 10), (4, 14)])
def test_interval_needs_eight_origins_and_two_blocks(overlap, fewest):
    assert bootstrap.fewest_origins(overlap) == fewest


def test_origins_are_drawn_equally_often():
    places = bootstrap.resample(10, np.random.default_rng(1), resamples=20_000)
    assert np.bincount(places.ravel()) / places.size == pytest.approx(0.1, rel=0.02)


def test_interval_holds_its_bounds_and_values_between():
    interval = bootstrap.Interval(0.9, 0.8, 1.1)
    values = (0.7, 0.8, 1.0, 1.1, 1.2)
    assert [value for value in values if interval.holds(value)] == [0.8, 1.0, 1.1]


def test_interval_is_widened_about_the_value_for_its_number_of_blocks():
    interval = bootstrap._interval(400.0, np.arange(1001.0), n=27)
    wider = stats.t.ppf(0.975, df=8) / stats.norm.ppf(0.975) * np.sqrt(9 / 8)
    assert (interval.lo, interval.hi) == pytest.approx((400 - 375 * wider, 400 + 575 * wider))


def test_interval_never_leaves_the_range_of_possible_values():
    hits = np.array([1.0] * 11 + [0.0])
    assert bootstrap.mean(hits).hi == 1
    assert bootstrap.mean(1 - hits).lo == 0
    assert bootstrap.ratio(1 - hits, np.ones(12)).lo == 0


@pytest.mark.parametrize(("n", "overlap"), [(26, 1), (26, 4), (8, 1)])
def test_forecasters_of_equal_skill_seldom_differ_however_few_origins(n, overlap):
    rng = np.random.default_rng(8)
    holds = []
    for _ in range(300):
        hard = np.exp(0.8 * rng.normal(size=n))
        errors = np.convolve(rng.normal(size=n + overlap - 1), [0.1] * overlap, "valid")
        ratio = bootstrap.ratio(hard * (1 + errors), hard * (1 - errors), overlap)
        holds.append(ratio.holds(1))
    assert 0.92 <= np.mean(holds) <= 0.99, np.mean(holds)


def test_ratio_of_several_measures_is_geometric_mean():
    baseline = np.random.default_rng(2).gamma(2.0, size=(77, 2))
    interval = bootstrap.ratio(baseline * [0.5, 1.28], baseline)
    assert (interval.value, interval.lo, interval.hi) == pytest.approx((0.8, 0.8, 0.8))


def test_interval_of_independent_origins_has_width_of_normal_interval():
    values = np.random.default_rng(4).normal(10, 2, size=400)
    interval = bootstrap.mean(values)
    assert interval.value == values.mean()
    assert interval.hi - interval.lo == pytest.approx(2 * 1.96 * 2 / 20, rel=0.25)


def test_resamples_without_ratio_are_left_out():
    baseline = np.array([0.0] * 7 + [8.0])
    interval = bootstrap.ratio(baseline / 2, baseline)
    assert (interval.value, interval.lo, interval.hi) == (0.5, 0.5, 0.5)


def test_scores_of_different_lengths_are_rejected():
    with pytest.raises(ValueError, match="expected as many of both, found 2 and 3"):
        bootstrap.ratio(np.ones(2), np.ones(3))
