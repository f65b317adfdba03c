"""The paired block bootstrap: whole runs of origins, the same for both."""

from __future__ import annotations

import numpy as np
import pytest

from forecast import bootstrap


@pytest.mark.parametrize(("n", "length"), [(1, 1), (2, 2), (8, 2), (27, 3), (77, 5), (153, 6)])
def test_a_block_is_the_cube_root_of_the_origins(n: int, length: int) -> None:
    assert bootstrap.block_length(n) == length


@pytest.mark.parametrize("n", [1, 4, 77])
def test_draws_are_runs_of_neighbours(n: int) -> None:
    places = bootstrap.resample(n, np.random.default_rng(1), resamples=300)
    length = bootstrap.block_length(n)
    assert places.shape == (300, n)
    for row in places[:50]:  # slow and obvious
        for begin in range(0, n, length):
            block = row[begin : begin + length]
            assert list(block) == [(block[0] + i) % n for i in range(len(block))]


def test_every_origin_is_drawn_as_often() -> None:
    places = bootstrap.resample(10, np.random.default_rng(1), resamples=20_000)
    assert np.bincount(places.ravel()) / places.size == pytest.approx(0.1, rel=0.02)


def test_a_constant_share_has_no_uncertainty() -> None:
    theirs = np.random.default_rng(2).gamma(2.0, size=77)
    found = bootstrap.ratio(0.9 * theirs, theirs)
    assert (found.value, found.lo, found.hi) == pytest.approx((0.9, 0.9, 0.9))


def test_an_interval_holds_its_bounds_and_what_is_between() -> None:
    interval = bootstrap.Interval(0.9, 0.8, 1.1)
    values = (0.7, 0.8, 1.0, 1.1, 1.2)
    assert [value for value in values if interval.holds(value)] == [0.8, 1.0, 1.1]


def test_an_interval_leaves_out_as_much_on_either_side() -> None:
    interval = bootstrap._interval(0.0, np.arange(1001.0))
    assert (interval.lo, interval.hi) == pytest.approx((25, 975))


def test_of_several_measures_it_is_the_geometric_mean() -> None:
    theirs = np.random.default_rng(2).gamma(2.0, size=(77, 2))
    found = bootstrap.ratio(theirs * [0.5, 1.28], theirs)
    assert (found.value, found.lo, found.hi) == pytest.approx((0.8, 0.8, 0.8))


def test_pairing_narrows_the_interval() -> None:
    rng = np.random.default_rng(3)
    hard = rng.gamma(2.0, size=77)
    near = hard * rng.uniform(0.9, 1.0, size=77)
    paired = bootstrap.ratio(near, hard)
    unpaired = bootstrap.ratio(np.roll(near, 38), hard)
    assert paired.hi - paired.lo < 0.3 * (unpaired.hi - unpaired.lo)


def test_the_interval_is_as_wide_as_the_normal_one_for_independent_origins() -> None:
    values = np.random.default_rng(4).normal(10, 2, size=400)
    found = bootstrap.mean(values)
    assert found.value == values.mean()
    assert found.hi - found.lo == pytest.approx(2 * 1.96 * 2 / 20, rel=0.25)


def test_neighbours_that_go_together_widen_the_interval() -> None:
    noise = np.random.default_rng(5).normal(size=401)
    alone, smooth = noise[1:], (noise[1:] + noise[:-1]) / np.sqrt(2)
    wide, narrow = bootstrap.mean(smooth), bootstrap.mean(alone)
    assert wide.hi - wide.lo > 1.15 * (narrow.hi - narrow.lo)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(6)
    covered = [bootstrap.mean(rng.gamma(2.0, size=77)).holds(2.0) for _ in range(200)]
    assert 0.88 <= np.mean(covered) <= 0.99


def test_the_same_scores_have_the_same_interval() -> None:
    values = np.random.default_rng(7).gamma(2.0, size=77)
    assert bootstrap.mean(values) == bootstrap.mean(values)


def test_draws_without_a_ratio_are_left_out() -> None:
    theirs = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 8.0])
    found = bootstrap.ratio(theirs / 2, theirs)
    assert (found.value, found.lo, found.hi) == (0.5, 0.5, 0.5)


def test_scores_of_other_origins_are_refused() -> None:
    with pytest.raises(ValueError, match="expected as many of both, found 2 and 3"):
        bootstrap.ratio(np.ones(2), np.ones(3))
