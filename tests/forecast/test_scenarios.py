import numpy as np
import pytest

from forecast.paths import Paths
from forecast.scenarios import people_per_boat, scaled


@pytest.fixture
def paths():
    rng = np.random.default_rng(3)
    values = np.where(rng.random((500, 30)) < 0.4, rng.geometric(0.02, (500, 30)), 0)
    return Paths(np.datetime64("2026-01-01"), values)


@pytest.mark.parametrize("factor", [0.0, 0.001, 0.1, 1.0, 1.5, 5.0])
def test_scaling_multiplies_mean_and_keeps_quiet_days(paths, factor):
    values = scaled(paths, factor, np.random.default_rng(1)).values
    np.testing.assert_array_equal(values > 0, (paths.values > 0) & (factor > 0))
    if factor >= 1:
        assert values.mean() == pytest.approx(factor * paths.values.mean(), rel=0.01)
    assert values.dtype == np.int32
    assert (np.abs(values - paths.values * factor) <= 1).all()


def test_scaled_counts_are_capped_at_int32():
    maximum = np.iinfo(np.int32).max
    high = Paths(np.datetime64("2026-01-01"), np.full((2, 2), maximum))
    assert (scaled(high, 5.0, np.random.default_rng(1)).values == maximum).all()


def test_people_per_boat_is_mean_over_boats(paths):
    boats = Paths(paths.start, (paths.values > 0).astype(int))
    assert people_per_boat(paths, boats) == paths.values.sum() / boats.values.sum()
    none = Paths(paths.start, np.zeros((2, 2), dtype=int))
    assert people_per_boat(none, none) == 0.0
