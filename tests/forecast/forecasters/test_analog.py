"""Analog, compared with a plain loop over paths and past days."""

import math

import numpy as np
import pytest

from forecast.forecasters.analog import Analog, FittedAnalog
from forecast.series import ONE_DAY, DailySeries
from forecast.strata import stratified_uniforms
from tests.forecast.plain import weighted_mean

HYPER = Analog(block_days=5, max_age_days=500, season_days=40.0)
DAYS = 620
YEAR = 365.2425


@pytest.fixture(scope="module")
def values():
    rng = np.random.default_rng(2)
    values = np.where(rng.random(DAYS) < 0.45, np.rint(rng.gamma(1.5, 90.0, DAYS)) + 1, 0)
    values[300] = 12_000
    return values


@pytest.fixture(scope="module")
def fitted(values):
    return HYPER.fit(DailySeries("people", np.datetime64("2023-01-01"), values.astype(int)))


def test_pool_of_past_days_is_winsorised_and_recent(values, fitted):
    window = values[-500:]
    winsorised = np.minimum(values, 3.0 * np.quantile(window[window > 0], 0.95))
    np.testing.assert_array_equal(fitted.counts, winsorised[-500:])
    assert fitted.counts.max() < 5_000
    for at in (0, 250, 499):
        past = winsorised[: DAYS - 499 + at].tolist()
        assert fitted.level[at] == pytest.approx(weighted_mean(past, 45.0))
        busy = [float(count > 0) for count in past]
        assert fitted.share[at] == pytest.approx(weighted_mean(busy, 3.0))


def reference_paths(f, lead, horizon, rng):
    """Chains of runs of past days, one path and one past day at a time."""
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
            weights = [
                log + log_similarity(f, day, level, share, before, last) for day, log in near
            ]
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


def advance(state, count, h):
    level, share, (_, last) = state
    slow, fast = 0.5 ** (1 / h.level_half_life_days), 0.5 ** (1 / h.share_half_life_days)
    level = slow * level + (1 - slow) * count
    share = fast * share + (1 - fast) * float(count > 0)
    return [level, share, [last, count]]


def log_similarity(f, day, level, share, before, last):
    h, y = f.hyper, f.counts
    past_level = float(f.level[day])

    def size(count, of):
        return math.log1p(count) - math.log1p(of) if count > 0 else 0.0

    apart = [
        (share - float(f.share[day])) / h.share_width,
        (float(last > 0) - float(y[day] > 0)) / h.any_width,
        (float(before > 0) - float(y[day - 1] > 0)) / h.before_width,
        (size(last, level) - size(float(y[day]), past_level)) / h.count_width,
        (math.log(level + 3.0) - math.log(past_level + 3.0)) / h.level_width,
    ]
    return -0.5 * sum(distance**2 for distance in apart)


@pytest.mark.parametrize(("lead_days", "horizon"), [(0, 12), (3, 12), (0, 3)])
def test_paths_match_plain_loop(fitted, lead_days, horizon):
    """Runs are no longer than the horizon."""
    lead = np.array([[0.0, 90.0, 0.0], [500.0, 0.0, 0.0], [5.0, 8.0, 700.0]])[:, :lead_days]
    paths = fitted.simulate_after(lead, horizon, np.random.default_rng(4))
    expected = reference_paths(fitted, lead, horizon, np.random.default_rng(4))
    np.testing.assert_array_equal(paths.values, expected)
    assert paths.start == fitted.origin + ONE_DAY
    np.testing.assert_array_equal(paths.values[:, :lead_days], lead)


def test_scaling_of_runs_is_bounded_and_capped():
    def simulate(values):
        fitted = Analog(level_power=5.0).fit(DailySeries("people", "2024-01-01", values))
        return fitted.simulate(28, 300, np.random.default_rng(1)).values

    fallen = simulate(np.r_[np.full(300, 1000), np.zeros(60, int)])
    assert set(np.unique(fallen).tolist()) <= {0, 200}, "at least a fifth of the copied day"
    risen = simulate(np.r_[np.full(200, 10), np.full(100, 1000)])
    assert risen.min() >= 50
    assert risen.max() <= 2000


def test_mean_without_factor_ignores_its_similarity(fitted):
    def mean(absent):
        return fitted.mean_without(absent, 10, 400, np.random.default_rng(1))

    simulated = fitted.simulate(10, 400, np.random.default_rng(1)).mean()
    np.testing.assert_allclose(mean(set()), simulated)
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
        assert np.abs(expected - simulated).max() > 1.0, factor
