"""Attributions, compared with the definition of Shapley values."""

import itertools
from dataclasses import dataclass

import numpy as np

from forecast.explain import OTHER, attribution, factors_of, mean_without
from forecast.forecasters.level_hurdle import LevelHurdle
from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries

HORIZON = 3


@dataclass
class Game:
    """A forecast whose mean depends on its factors and their interactions."""

    factors: tuple[str, ...] = ("a", "b", "c")

    def value(self, present):
        total = 10.0 + 7.0 * ("a" in present) - 2.0 * ("b" in present) + 4.0 * ("c" in present)
        total += 5.0 * ({"a", "b"} <= set(present)) + 11.0 * (set(present) == {"a", "b", "c"})
        return total * np.arange(1, HORIZON + 1)

    def mean_without(self, absent, horizon, n_paths, rng):
        return self.value(set(self.factors) - set(absent))[:horizon]

    def simulate(self, horizon, n_paths, rng):
        return Paths(np.datetime64("2026-01-01"), rng.integers(0, 9, (n_paths, horizon)))

    def to_state(self):
        return {}, {}


class Unexplained:
    """A forecast without `mean_without`."""

    simulate, to_state = Game.simulate, Game.to_state
    factors = ("season",)


def test_shares_are_mean_gains_over_all_orders():
    game = Game()
    mean = game.value({"a", "b", "c"})
    shares = attribution(game, mean, 4.0, 10, 1)
    orders = list(itertools.permutations(game.factors))
    for factor in game.factors:
        gains = []
        for order in orders:
            before = set(order[: order.index(factor)])
            gains.append(game.value(before | {factor}) - game.value(before))
        np.testing.assert_allclose(shares[factor], sum(gains) / len(orders))
    np.testing.assert_allclose(shares[OTHER], game.value(set()) - 4.0)


def test_yearly_mean_and_shares_add_up_to_forecast():
    mean = np.array([50.0, 60.0, 70.0])
    shares = attribution(Game(), mean, 4.0, 10, 1)
    np.testing.assert_allclose(4.0 + sum(shares.values()), mean)


def test_unexplained_forecast_is_attributed_to_other():
    shares = attribution(Unexplained(), np.array([5.0, 6.0]), 4.0, 10, 1)
    assert list(shares) == [OTHER]
    np.testing.assert_allclose(shares[OTHER], [1.0, 2.0])
    assert factors_of(Unexplained()) == ()
    mean = mean_without(Unexplained(), set(), 4, 500, np.random.default_rng(1))
    expected = Unexplained().simulate(4, 500, np.random.default_rng(1)).values.mean(axis=0)
    np.testing.assert_array_equal(mean, expected)
    assert factors_of(Game()) == ("a", "b", "c")


def test_busy_saturday_is_attributed_to_day_of_week():
    values = np.where(np.arange(600) % 7 == 5, 400, 70)  # 400 on Saturdays
    monday = np.datetime64("2024-01-01")
    fitted = LevelHurdle(ridge=0.1, level_ridge=0.1).fit(DailySeries("people", monday, values))
    mean = fitted.simulate(7, 500, np.random.default_rng(1)).mean()
    yearly = float(values[-365:].mean())
    shares = attribution(fitted, mean, yearly, 500, 1)
    weekdays = [(fitted.origin + (1 + k) * ONE_DAY).item().weekday() for k in range(7)]
    saturday = weekdays.index(5)
    assert shares["day of week"].argmax() == saturday
    excess = mean[saturday] - yearly
    assert 0.5 * excess < shares["day of week"][saturday] < 1.5 * excess
    np.testing.assert_allclose(yearly + sum(shares.values()), mean)
