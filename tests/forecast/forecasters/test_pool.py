"""A pool takes whole paths from its members, by their weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from forecast.covariates import Covariates
from forecast.explain import mean_without
from forecast.forecasters.analog import Analog
from forecast.forecasters.base import FitError, State
from forecast.forecasters.level_hurdle import LevelHurdle
from forecast.forecasters.pool import FittedLinearPool, LinearPool
from forecast.forecasters.seasonal_naive import SeasonalNaive
from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries, Day

START = np.datetime64("2024-01-01", "D")
SERIES = DailySeries("people", START, np.ones(60, int))


@dataclass
class Says:
    """Says one number on every day; declines to be fitted or to draw if told so."""

    value: int
    fits: bool = True
    draws: bool = True
    origin: Day = START

    def fit(self, series: DailySeries, covariates: Covariates | None = None) -> Says:
        if not self.fits:
            raise FitError("declined to fit")
        return Says(self.value, self.fits, self.draws, series.data_through)

    def simulate(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Paths:
        if not self.draws:
            raise FitError("declined to draw")
        return Paths(self.origin + ONE_DAY, np.full((n_paths, horizon), self.value))

    def to_state(self) -> State:
        return {}, {"value": np.array([self.value])}


def counts(pool: LinearPool, n: int = 100) -> dict[int, int]:
    paths = pool.fit(SERIES).simulate(7, n, np.random.default_rng(1))
    assert paths.start == SERIES.data_through + ONE_DAY
    assert (paths.values == paths.values[:, :1]).all(), "a path comes whole from one member"
    values, found = np.unique(paths.values[:, 0], return_counts=True)
    return dict(zip(values.tolist(), found.tolist(), strict=True))


def test_paths_follow_the_weights() -> None:
    members = {"a": Says(1), "b": Says(2), "c": Says(3)}
    assert counts(LinearPool(members, {"a": 1, "b": 2, "c": 1})) == {1: 25, 2: 50, 3: 25}
    assert counts(LinearPool(members), n=90) == {1: 30, 2: 30, 3: 30}
    assert counts(LinearPool(members, {"a": 0.0, "b": 1.0, "c": 3.0})) == {2: 25, 3: 75}
    assert sum(counts(LinearPool(members), n=1).values()) == 1
    assert sum(counts(LinearPool(members), n=100).values()) == 100


def test_the_order_of_paths_means_nothing() -> None:
    paths = (
        LinearPool({"a": Says(1), "b": Says(2)})
        .fit(SERIES)
        .simulate(1, 100, np.random.default_rng(1))
    )
    assert 15 < (paths.values[:50, 0] == 1).sum() < 35


def test_one_that_declines_leaves_its_share_to_the_others() -> None:
    weights = {"a": 2.0, "b": 1.0, "c": 1.0}
    for absent in (Says(1, fits=False), Says(1, draws=False)):
        assert counts(LinearPool({"a": absent, "b": Says(2), "c": Says(3)}, weights)) == {
            2: 50,
            3: 50,
        }


def test_a_pool_of_none_declines() -> None:
    nobody = LinearPool({"a": Says(1, fits=False), "b": Says(2, fits=False)})
    with pytest.raises(FitError, match="no member of the pool stands; a: declined to fit; b: "):
        nobody.fit(SERIES)
    with pytest.raises(FitError, match="no member of the pool stands"):
        LinearPool({"a": Says(1), "b": Says(2, fits=False)}, {"a": 0.0, "b": 1.0}).fit(SERIES)
    mute = LinearPool({"a": Says(1, draws=False), "b": Says(2, draws=False)}).fit(SERIES)
    with pytest.raises(FitError, match="no member of the pool stands; b: declined to draw"):
        mute.simulate(7, 100, np.random.default_rng(0))


def test_the_states_of_members_do_not_mix() -> None:
    """Also when one name begins with another, and in a pool within a pool."""
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
    [({}, {}), ({"a": Says(1)}, {"b": 1.0}), ({"a": Says(1)}, {"a": -1.0})],
)
def test_weights_are_those_of_members(members: dict[str, Says], weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected weights of"):
        LinearPool(members, weights)


def test_what_is_explained_is_what_is_forecast_where_the_weather_leads(people: DailySeries) -> None:
    known = people.upto(np.datetime64("2025-07-29"))
    rng = np.random.default_rng(3)
    driver = (0.8 * rng.standard_normal(len(people)) - (people.values > 0))[:, None]
    n = len(known)
    weather = Covariates(("w",), known.start, driver[:n], driver[None, n : n + 7])
    fitted = LinearPool({"hurdle": LevelHurdle(), "analog": Analog()}).fit(known, weather)
    drawn = fitted.simulate(14, 4_000, np.random.default_rng(1)).mean()
    told = mean_without(fitted, set(), 14, 4_000, np.random.default_rng(2))
    np.testing.assert_allclose(told[:7], drawn[:7], rtol=0.15)


@dataclass
class Guide(Says):
    covered_days: int = 3

    def with_weather(self, seas: Mapping[int, str]) -> Guide:
        return self


@dataclass
class Follower(Says):
    def simulate_after(
        self,
        lead: np.ndarray,
        horizon: int,
        rng: np.random.Generator,  # type: ignore[type-arg]
    ) -> Paths:
        values = np.full((len(lead), horizon), self.value)
        values[:, : lead.shape[1]] = lead
        return Paths(self.origin + ONE_DAY, values)


def test_members_without_weather_follow_the_guides_as_far_as_these_see() -> None:
    """A guide that says 7 for three days; the other goes on from there with its own 2."""

    pool = FittedLinearPool({"g": Guide(7), "f": Follower(2)}, np.array([0.5, 0.5]))
    assert pool.covered_days == 3

    def followers(one: FittedLinearPool, horizon: int = 10) -> list[int]:
        values = one.simulate(horizon, 10, np.random.default_rng(1)).values
        rows = values[values[:, -1] != 7] if horizon > 3 else values
        return rows[0].tolist()  # type: ignore[no-any-return]

    assert followers(pool) == [7, 7, 7, 2, 2, 2, 2, 2, 2, 2]
    assert followers(pool, 2) == [7, 7]
    for assumed, row in (
        ({3: "calm"}, [7, 7, 7, 7, 2, 2, 2, 2, 2, 2]),
        ({4: "calm", 5: "calm", 8: "rough"}, [7, 7, 7, 2, 7, 7, 2, 2, 7, 2]),
        ({1: "calm", 10: "calm", 40: "calm"}, [7, 7, 7, 2, 2, 2, 2, 2, 2, 2]),
    ):
        assert followers(pool.with_weather(assumed)) == row


def test_guides_lead_as_many_paths_each() -> None:
    members = {"a": Guide(7), "b": Guide(9), "f": Follower(2)}
    values = (
        FittedLinearPool(members, np.array([0.1, 0.4, 0.5]))
        .simulate(5, 40, np.random.default_rng(1))
        .values
    )
    lead, times = np.unique(values[values[:, -1] == 2][:, 0], return_counts=True)
    assert (lead.tolist(), times.tolist()) == ([7, 9], [10, 10])


def test_a_member_without_a_weight_has_no_share() -> None:
    fitted = LinearPool({"a": Says(1), "b": Says(2)}, {"a": 3.0}).fit(SERIES)
    assert fitted.shares.tolist() == [1.0, 0.0]
    assert LinearPool({"a": Says(1), "b": Says(2)}).fit(SERIES).shares.tolist() == [0.5, 0.5]
