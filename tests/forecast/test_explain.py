"""Attributions, against Shapley's own definition: the mean over all orders of the factors."""

from __future__ import annotations

import itertools
from collections.abc import Set
from dataclasses import dataclass

import numpy as np
import pytest

from forecast.explain import OTHER, attribution, factors_of, mean_without
from forecast.forecasters.base import State
from forecast.forecasters.level_hurdle import LevelHurdle
from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries

HORIZON = 3


@dataclass
class Game:
    """A forecast that depends on its factors, in pairs too."""

    factors: tuple[str, ...] = ("a", "b", "c")

    def worth(self, known: Set[str]) -> np.ndarray:  # type: ignore[type-arg]
        total = 10.0 + 7.0 * ("a" in known) - 2.0 * ("b" in known) + 4.0 * ("c" in known)
        total += 5.0 * ({"a", "b"} <= set(known)) + 11.0 * (set(known) == {"a", "b", "c"})
        return total * np.arange(1, HORIZON + 1)

    def mean_without(
        self, absent: Set[str], horizon: int, n_paths: int, rng: np.random.Generator
    ) -> np.ndarray:  # type: ignore[type-arg]
        return self.worth(set(self.factors) - set(absent))[:horizon]

    def simulate(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Paths:
        return Paths(np.datetime64("2026-01-01"), rng.integers(0, 9, (n_paths, horizon)))

    def to_state(self) -> State:
        return {}, {}


class Mute:
    """A forecast that cannot be explained."""

    simulate, to_state = Game.simulate, Game.to_state
    factors = ("season",)


def test_shares_are_the_mean_gain_over_all_orders() -> None:
    game = Game()
    mean = game.worth({"a", "b", "c"})
    shares = attribution(game, mean, 4.0, 10, 1)
    orders = list(itertools.permutations(game.factors))
    for factor in game.factors:
        gains = []
        for order in orders:
            before = set(order[: order.index(factor)])
            gains.append(game.worth(before | {factor}) - game.worth(before))
        np.testing.assert_allclose(shares[factor], sum(gains) / len(orders))
    np.testing.assert_allclose(shares[OTHER], game.worth(set()) - 4.0)


def test_the_yearly_mean_and_all_shares_are_the_forecast() -> None:
    mean = np.array([50.0, 60.0, 70.0])
    shares = attribution(Game(), mean, 4.0, 10, 1)
    np.testing.assert_allclose(4.0 + sum(shares.values()), mean)


def test_what_cannot_be_explained_is_other() -> None:
    shares = attribution(Mute(), np.array([5.0, 6.0]), 4.0, 10, 1)  # type: ignore[arg-type]
    assert list(shares) == [OTHER]
    np.testing.assert_allclose(shares[OTHER], [1.0, 2.0])
    assert factors_of(Mute()) == ()  # type: ignore[arg-type]
    drawn = mean_without(Mute(), set(), 4, 500, np.random.default_rng(1))  # type: ignore[arg-type]
    again = Mute().simulate(4, 500, np.random.default_rng(1)).values.mean(axis=0)  # type: ignore[call-arg]
    np.testing.assert_array_equal(drawn, again)


def test_factors_are_those_of_the_family() -> None:
    assert factors_of(Game()) == ("a", "b", "c")


@pytest.fixture(scope="module")
def saturdays() -> DailySeries:
    """A day with 70 people each, 400 on Saturdays."""
    values = np.where(np.arange(600) % 7 == 5, 400, 70)
    return DailySeries("people", np.datetime64("2024-01-01"), values)  # a Monday


def test_a_saturday_is_explained_by_the_day_of_the_week(saturdays: DailySeries) -> None:
    fitted = LevelHurdle(ridge=0.1, level_ridge=0.1).fit(saturdays)
    mean = fitted.simulate(7, 500, np.random.default_rng(1)).mean()
    yearly = float(saturdays.values[-365:].mean())
    shares = attribution(fitted, mean, yearly, 500, 1)
    weekdays = [(fitted.origin + (1 + k) * ONE_DAY).item().weekday() for k in range(7)]
    saturday = weekdays.index(5)
    assert shares["day of week"].argmax() == saturday
    away = mean[saturday] - yearly
    assert 0.5 * away < shares["day of week"][saturday] < 1.5 * away
    np.testing.assert_allclose(yearly + sum(shares.values()), mean)
