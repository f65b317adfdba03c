"""Attributions, compared with the definition of Shapley values."""

import itertools
from dataclasses import dataclass

import numpy as np

from forecast.explain import OTHER, attribution, factors_of, mean_without
from forecast.paths import Paths

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
    mean = np.array([50.0, 60.0, 70.0])
    shares = attribution(game, mean, 4.0, 10, 1)
    orders = list(itertools.permutations(game.factors))
    for factor in game.factors:
        gains = []
        for order in orders:
            before = set(order[: order.index(factor)])
            gains.append(game.value(before | {factor}) - game.value(before))
        np.testing.assert_allclose(shares[factor], sum(gains) / len(orders))
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
