"""LinearPool: whole paths from members in proportion to their weights."""

from dataclasses import dataclass

import numpy as np
import pytest

from forecast.covariates import Covariates
from forecast.explain import mean_without
from forecast.forecasters.analog import Analog
from forecast.forecasters.base import FitError
from forecast.forecasters.level_hurdle import LevelHurdle
from forecast.forecasters.pool import FittedLinearPool, LinearPool, _runs
from forecast.forecasters.seasonal_naive import SeasonalNaive
from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries, Day

START = np.datetime64("2024-01-01", "D")
SERIES = DailySeries("people", START, np.ones(60, int))


@dataclass
class Constant:
    """Forecasts one number every day; can fail to fit or to simulate."""

    value: int
    can_fit: bool = True
    can_simulate: bool = True
    origin: Day = START

    def fit(self, series, covariates=None):
        if not self.can_fit:
            raise FitError("declined to fit")
        return Constant(self.value, self.can_fit, self.can_simulate, series.data_through)

    def simulate(self, horizon, n_paths, rng):
        if not self.can_simulate:
            raise FitError("declined to draw")
        return Paths(self.origin + ONE_DAY, np.full((n_paths, horizon), self.value))

    def to_state(self):
        return {}, {"value": np.array([self.value])}


def count_paths(pool, n=100):
    paths = pool.fit(SERIES).simulate(7, n, np.random.default_rng(1))
    assert paths.start == SERIES.data_through + ONE_DAY
    assert (paths.values == paths.values[:, :1]).all(), "each path comes from one member"
    values, counts = np.unique(paths.values[:, 0], return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def test_paths_follow_the_weights():
    members = {"a": Constant(1), "b": Constant(2), "c": Constant(3)}
    assert count_paths(LinearPool(members, {"a": 1, "b": 2, "c": 1})) == {1: 25, 2: 50, 3: 25}
    assert count_paths(LinearPool(members), n=90) == {1: 30, 2: 30, 3: 30}
    assert count_paths(LinearPool(members, {"a": 0.0, "b": 1.0, "c": 3.0})) == {2: 25, 3: 75}
    assert sum(count_paths(LinearPool(members), n=1).values()) == 1
    assert sum(count_paths(LinearPool(members), n=100).values()) == 100


def test_paths_of_members_are_shuffled():
    fitted = LinearPool({"a": Constant(1), "b": Constant(2)}).fit(SERIES)
    paths = fitted.simulate(1, 100, np.random.default_rng(1))
    assert 15 < (paths.values[:50, 0] == 1).sum() < 35


@pytest.mark.parametrize("failing", [Constant(1, can_fit=False), Constant(1, can_simulate=False)])
def test_failing_member_leaves_its_share_to_others(failing):
    pool = LinearPool(
        {"a": failing, "b": Constant(2), "c": Constant(3)}, {"a": 2.0, "b": 1.0, "c": 1.0}
    )
    assert count_paths(pool) == {2: 50, 3: 50}


def test_pool_without_working_members_fails():
    unfittable = LinearPool({"a": Constant(1, can_fit=False), "b": Constant(2, can_fit=False)})
    with pytest.raises(FitError, match="no member of the pool is usable; a: declined to fit; b: "):
        unfittable.fit(SERIES)
    with pytest.raises(FitError, match="no member of the pool is usable"):
        LinearPool({"a": Constant(1), "b": Constant(2, can_fit=False)}, {"a": 0.0, "b": 1.0}).fit(
            SERIES
        )
    fitted = LinearPool(
        {"a": Constant(1, can_simulate=False), "b": Constant(2, can_simulate=False)}
    ).fit(SERIES)
    with pytest.raises(FitError, match="no member of the pool is usable; b: declined to draw"):
        fitted.simulate(7, 100, np.random.default_rng(0))


def test_states_of_members_are_kept_apart():
    """Even in a nested pool and when one name is a prefix of another."""
    days = DailySeries("people", START, np.arange(70))
    inner = LinearPool({"a": SeasonalNaive(window_days=35), "ab": SeasonalNaive(window_days=63)})
    fitted = LinearPool({"a": inner, "ab": SeasonalNaive(window_days=42)}, {"ab": 3, "a": 1}).fit(
        days
    )
    values, arrays = fitted.to_state()
    assert [name for name, _ in values["members"]] == ["a", "ab"]
    assert {key: len(array) for key, array in arrays.items()} == {
        "shares": 2,
        "a/shares": 2,
        "a/a/window": 35,
        "a/ab/window": 63,
        "ab/window": 42,
    }
    restored = FittedLinearPool.from_state(values, arrays)
    one, two = (f.simulate(9, 40, np.random.default_rng(3)).values for f in (fitted, restored))
    np.testing.assert_array_equal(one, two)


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


@dataclass
class Guide(Constant):
    covered_days: int = 3

    def with_weather(self, seas):
        return self


@dataclass
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


def test_member_without_weight_has_no_share():
    fitted = LinearPool({"a": Constant(1), "b": Constant(2)}, {"a": 3.0}).fit(SERIES)
    assert fitted.shares.tolist() == [1.0, 0.0]
    assert LinearPool({"a": Constant(1), "b": Constant(2)}).fit(SERIES).shares.tolist() == [
        0.5,
        0.5,
    ]


def test_consecutive_days_are_one_run():
    assert _runs([9, 3, 5, 4, 1]) == [(1, 1), (3, 5), (9, 9)]
    assert _runs([]) == []
