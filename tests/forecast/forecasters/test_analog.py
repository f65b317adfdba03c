"""Analogs by a slow loop: each path weighs every past day by its likeness, one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from forecast.forecasters.analog import Analog, FittedAnalog
from forecast.series import ONE_DAY, DailySeries
from forecast.strata import stratified_uniforms

Array = np.ndarray  # type: ignore[type-arg]

HYPER = Analog(block_days=5, max_age_days=500, season_days=40.0)
DAYS = 620
YEAR = 365.2425


@pytest.fixture(scope="module")
def values() -> Array:
    rng = np.random.default_rng(2)
    made = np.where(rng.random(DAYS) < 0.45, np.rint(rng.gamma(1.5, 90.0, DAYS)) + 1, 0)
    made[300] = 12_000
    return made


@pytest.fixture(scope="module")
def fitted(values: Array) -> FittedAnalog:
    return HYPER.fit(DailySeries("people", np.datetime64("2023-01-01"), values.astype(int)))


def slow_mean(values: list[float], half_life: float) -> float:
    weights = [0.5 ** (age / half_life) for age in range(len(values))][::-1]
    return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)


def test_what_is_drawn_from_is_held_and_recent(values: Array, fitted: FittedAnalog) -> None:
    window = values[-500:]
    held = np.minimum(values, 3.0 * np.quantile(window[window > 0], 0.95))
    np.testing.assert_array_equal(fitted.counts, held[-500:])
    assert fitted.counts.max() < 5_000
    for at in (0, 250, 499):
        past = held[: DAYS - 499 + at].tolist()
        assert fitted.level[at] == pytest.approx(slow_mean(past, 45.0))
        busy = [float(count > 0) for count in past]
        assert fitted.share[at] == pytest.approx(slow_mean(busy, 3.0))


def slow_paths(f: FittedAnalog, lead: Array, horizon: int, rng: np.random.Generator) -> Array:
    """The same chains of runs, each path and each past day by itself."""
    h, y, n = f.hyper, f.counts.tolist(), len(lead)
    chains = [list(row) for row in lead.tolist()]
    states = []
    for chain in chains:
        state = [float(f.level[-1]), float(f.share[-1]), [y[-2], y[-1]]]
        for count in chain:
            state = advance(state, count, h)
        states.append(state)
    block = min(h.block_days, horizon)
    cap = h.size_cap * max(max(y), 1.0)
    while len(chains[0]) < horizon:
        done = len(chains[0])
        uniforms = stratified_uniforms(n, rng)
        logs = []
        for day in range(min(60, len(y) // 3), len(y) - block):
            age = len(y) - 1 - day
            apart = (done + age + YEAR / 2) % YEAR - YEAR / 2
            logs.append((day, -math.log(2) * age / h.age_half_life_days
                         - 0.5 * (apart / h.season_days) ** 2))  # fmt: skip
        most = max(log for _, log in logs)
        near = [(day, log) for day, log in logs if log > most - 8.0]
        for path in range(n):
            level, share, (before, last) = states[path]
            weights = [log + likeness(f, day, level, share, before, last) for day, log in near]
            shares = np.exp(np.array(weights) - max(weights))
            steps = np.cumsum(shares) / shares.sum()
            pick = next(d for (d, _), s in zip(near, steps, strict=True) if s >= uniforms[path])
            ratio = ((level + 3.0) / (float(f.level[pick]) + 3.0)) ** h.level_power
            ratio = min(max(ratio, 0.2), 5.0)
            for step in range(1, min(block, horizon - done) + 1):
                count = y[pick + step]
                new = min(max(float(round(count * ratio)), 1.0), cap) if count else 0.0
                chains[path].append(new)
                states[path] = advance(states[path], new, h)
    return np.array(chains)


def advance(state: list, count: float, h: Analog) -> list:  # type: ignore[type-arg]
    level, share, (_, last) = state
    slow, fast = 0.5 ** (1 / h.level_half_life_days), 0.5 ** (1 / h.share_half_life_days)
    level = slow * level + (1 - slow) * count
    share = fast * share + (1 - fast) * float(count > 0)
    return [level, share, [last, count]]


def likeness(
    f: FittedAnalog, day: int, level: float, share: float, before: float, last: float
) -> float:
    h, y = f.hyper, f.counts
    there = float(f.level[day])

    def size(count: float, of: float) -> float:
        return math.log1p(count) - math.log1p(of) if count > 0 else 0.0

    apart = [
        (share - float(f.share[day])) / h.share_width,
        (float(last > 0) - float(y[day] > 0)) / h.any_width,
        (float(before > 0) - float(y[day - 1] > 0)) / h.before_width,
        (size(last, level) - size(float(y[day]), there)) / h.count_width,
        (math.log(level + 3.0) - math.log(there + 3.0)) / h.level_width,
    ]
    return -0.5 * sum(one * one for one in apart)


@pytest.mark.parametrize("lead_days", [0, 3])
def test_paths_by_a_slow_loop(fitted: FittedAnalog, lead_days: int) -> None:
    lead = np.array([[0.0, 90.0, 0.0], [500.0, 0.0, 0.0], [5.0, 8.0, 700.0]])[:, :lead_days]
    drawn = fitted.simulate_after(lead, 12, np.random.default_rng(4))
    slow = slow_paths(fitted, lead, 12, np.random.default_rng(4))
    np.testing.assert_array_equal(drawn.values, slow)
    assert drawn.start == fitted.origin + ONE_DAY
    np.testing.assert_array_equal(drawn.values[:, :lead_days], lead)


def test_a_run_is_no_longer_than_the_horizon(fitted: FittedAnalog) -> None:
    drawn = fitted.simulate(3, 6, np.random.default_rng(4))
    slow = slow_paths(fitted, np.zeros((6, 0)), 3, np.random.default_rng(4))
    np.testing.assert_array_equal(drawn.values, slow)


def test_runs_are_scaled_within_bounds_and_capped() -> None:
    """The level has fallen to nothing: what is copied is never below a fifth."""
    values = np.r_[np.full(300, 1000), np.zeros(60, int)]
    fitted = Analog(level_power=5.0).fit(DailySeries("people", "2024-01-01", values))
    drawn = fitted.simulate(28, 300, np.random.default_rng(1)).values
    assert set(np.unique(drawn).tolist()) <= {0, 200}
    values = np.r_[np.full(200, 10), np.full(100, 1000)]
    up = Analog(level_power=5.0).fit(DailySeries("people", "2024-01-01", values))
    drawn = up.simulate(28, 300, np.random.default_rng(1)).values
    assert drawn.min() >= 50
    assert drawn.max() <= 2000


def test_without_a_factor_likeness_in_it_does_not_matter(fitted: FittedAnalog) -> None:
    def mean(absent: set[str]) -> Array:
        return fitted.mean_without(absent, 10, 400, np.random.default_rng(1))

    drawn = fitted.simulate(10, 400, np.random.default_rng(1)).mean()
    np.testing.assert_allclose(mean(set()), drawn)
    ignored = {
        "season": {"season_days": 1e6},
        "recent level": {"level_power": 0.0, "level_width": 1e6, "share_width": 1e6},
        "yesterday": {"any_width": 1e6, "before_width": 1e6, "count_width": 1e6},
    }
    assert fitted.factors == tuple(ignored)
    for factor, widths in ignored.items():
        values, arrays = fitted.to_state()
        values["hyper"] |= widths
        blind = FittedAnalog.from_state(values, arrays)
        expected = blind.simulate(10, 400, np.random.default_rng(1)).mean()
        np.testing.assert_allclose(mean({factor}), expected)
        assert np.abs(expected - drawn).max() > 1.0, factor
