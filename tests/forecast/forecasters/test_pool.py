"""LinearPool: whole paths from members in proportion to their weights."""

import numpy as np
import pytest

from forecast.covariates import Covariates
from forecast.explain import mean_without
from forecast.forecasters.analog import Analog
from forecast.forecasters.base import FitError
from forecast.forecasters.level_hurdle import LevelHurdle
from forecast.forecasters.pool import FittedLinearPool, LinearPool, _runs
from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries
from tests.forecast.plain import Constant

START = np.datetime64("2024-01-01", "D")
SERIES = DailySeries("people", START, np.ones(60, int))


def count_paths(pool, n=100):
    paths = pool.fit(SERIES).simulate(7, n, np.random.default_rng(1))
    assert paths.start == SERIES.data_through + ONE_DAY
    assert (paths.values == paths.values[:, :1]).all(), "each path comes from one member"
    values, counts = np.unique(paths.values[:, 0], return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


@pytest.mark.parametrize(
    ("weights", "n", "expected"),
    [
        ({"a": 1, "b": 2, "c": 1}, 100, {1: 25, 2: 50, 3: 25}),
        ({"a": 0.0, "b": 1.0, "c": 3.0}, 100, {2: 25, 3: 75}),
        ({"a": 3.0}, 100, {1: 100}),
        ({}, 90, {1: 30, 2: 30, 3: 30}),
        ({}, 1, {2: 1}),
        ({}, 100, {1: 33, 2: 34, 3: 33}),
    ],
)
def test_paths_follow_the_weights(weights, n, expected):
    members = {"a": Constant(1), "b": Constant(2), "c": Constant(3)}
    assert count_paths(LinearPool(members, weights), n) == expected


def test_paths_of_members_are_shuffled():
    fitted = LinearPool({"a": Constant(1), "b": Constant(2)}).fit(SERIES)
    paths = fitted.simulate(1, 100, np.random.default_rng(1))
    assert 15 < (paths.values[:50, 0] == 1).sum() < 35


@pytest.mark.parametrize("failing", [Constant(1, least_days=61), Constant(1, draws=False)])
def test_failing_member_leaves_its_share_to_others(failing):
    pool = LinearPool(
        {"a": failing, "b": Constant(2), "c": Constant(3)}, {"a": 2.0, "b": 1.0, "c": 1.0}
    )
    assert count_paths(pool) == {2: 50, 3: 50}


@pytest.mark.parametrize(
    ("first", "weights", "failing", "reason"),
    [
        (Constant(1, least_days=61), {}, {"least_days": 61}, "a: declined to fit; b: declined to"),
        (Constant(1), {"a": 0.0, "b": 1.0}, {"least_days": 61}, "b: declined to fit"),
        (Constant(1, draws=False), {}, {"draws": False}, "b: declined to draw"),
    ],
)
def test_pool_without_working_members_fails(first, weights, failing, reason):
    pool = LinearPool({"a": first, "b": Constant(2, **failing)}, weights)
    with pytest.raises(FitError, match=f"no member of the pool is usable; {reason}"):
        count_paths(pool)


@pytest.mark.parametrize(
    ("members", "weights"),
    [({}, {}), ({"a": Constant(1)}, {"b": 1.0}), ({"a": Constant(1)}, {"a": -1.0})],
)
def test_invalid_weights_are_rejected(members, weights):
    with pytest.raises(ValueError, match="expected weights of"):
        LinearPool(members, weights)


def test_explained_mean_is_forecast_mean_on_days_with_weather(people):
    series = people.upto(np.datetime64("2025-07-29"))
    rng = np.random.default_rng(3)
    driver = (0.8 * rng.standard_normal(len(people)) - (people.values > 0))[:, None]
    n = len(series)
    weather = Covariates(("w",), series.start, driver[:n], driver[None, n : n + 7])
    fitted = LinearPool({"hurdle": LevelHurdle(), "analog": Analog()}).fit(series, weather)
    simulated = fitted.simulate(14, 4_000, np.random.default_rng(1)).mean()
    explained = mean_without(fitted, set(), 14, 4_000, np.random.default_rng(2))
    np.testing.assert_allclose(explained[:7], simulated[:7], rtol=0.15)


class Guide(Constant):
    covered_days = 3

    def with_weather(self, seas):
        return self


class Follower(Constant):
    def simulate_after(self, lead, horizon, rng):
        values = np.full((len(lead), horizon), self.value)
        values[:, : lead.shape[1]] = lead
        return Paths(self.origin + ONE_DAY, values)


def test_members_without_weather_follow_guides_on_covered_days():
    """The guide forecasts 7 for three days; the follower continues with its own 2."""
    pool = FittedLinearPool({"g": Guide(7), "f": Follower(2)}, np.array([0.5, 0.5]))
    assert pool.covered_days == 3

    def follower_path(pool, horizon=10):
        values = pool.simulate(horizon, 10, np.random.default_rng(1)).values
        rows = values[values[:, -1] != 7] if horizon > 3 else values
        return rows[0].tolist()

    assert follower_path(pool) == [7, 7, 7, 2, 2, 2, 2, 2, 2, 2]
    assert follower_path(pool, 2) == [7, 7]
    for assumed, expected in (
        ({3: "calm"}, [7, 7, 7, 7, 2, 2, 2, 2, 2, 2]),
        ({4: "calm", 5: "calm", 8: "rough"}, [7, 7, 7, 2, 7, 7, 2, 2, 7, 2]),
        ({1: "calm", 10: "calm", 40: "calm"}, [7, 7, 7, 2, 2, 2, 2, 2, 2, 2]),
    ):
        assert follower_path(pool.with_weather(assumed)) == expected


def test_guides_lead_equal_numbers_of_paths():
    members = {"a": Guide(7), "b": Guide(9), "f": Follower(2)}
    pool = FittedLinearPool(members, np.array([0.1, 0.4, 0.5]))
    values = pool.simulate(5, 40, np.random.default_rng(1)).values
    lead, counts = np.unique(values[values[:, -1] == 2][:, 0], return_counts=True)
    assert (lead.tolist(), counts.tolist()) == ([7, 9], [10, 10])


def test_consecutive_days_are_one_run():
    assert _runs([9, 3, 5, 4, 1]) == [(1, 1), (3, 5), (9, 9)]
    assert _runs([]) == []
