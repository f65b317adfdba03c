"""Features of recent days, compared with plain loops."""

import numpy as np
import pytest
from scipy.signal import lfilter

from forecast.lag_features import Memory, MemoryState, level_of, winsorise
from tests.forecast.plain import weighted_mean

MEMORY = Memory(level_half_lives=(5.0, 20.0), share_half_lives=(3.0,), lags=3)
COUNTS = np.where(np.arange(40) % 3 == 0, 0, np.random.default_rng(1).integers(1, 900, 40)).astype(
    float
)
LONG = np.random.default_rng(1).poisson(100, 900) * np.random.default_rng(2).integers(0, 2, 900)


def reference_features(past):
    """Features of `MEMORY` at the end of the last day of `past`."""
    busy = [float(v > 0) for v in past]
    row = [np.log(1.0 + weighted_mean(past, days)) for days in (5.0, 20.0)]
    row.append(weighted_mean(busy, 3.0))
    row += [busy[-k] if k <= len(past) else 0.0 for k in (1, 2, 3)]
    row += [np.log(1.0 + past[-k]) if k <= len(past) else 0.0 for k in (1, 2, 3)]
    return row


def test_features_of_history_match_plain_loop():
    expected = [reference_features(COUNTS[: n + 1].tolist()) for n in range(len(COUNTS))]
    features = MEMORY.features(MEMORY.states(COUNTS))
    assert features.shape == (40, MEMORY.width) == (40, 9)
    np.testing.assert_allclose(features, expected)


def test_features_along_path_match_those_of_history():
    """After long enough a past that the weights of its first days vanish."""
    past = np.tile(COUNTS, 40)
    ahead = np.array([[0.0, 700.0], [30.0, 0.0], [5.0, 2.0], [0.0, 0.0]])  # (days, paths)
    state = MemoryState(MEMORY, MEMORY.states(past)[:, -1], 2)
    unbounded = np.full(2, -np.inf), np.full(2, np.inf)
    for day in range(len(ahead) + 1):
        features = state.features(*unbounded)
        for path in range(2):
            counts = np.concatenate([past, ahead[:day, path]])
            expected = MEMORY.features(MEMORY.states(counts))[-1]
            np.testing.assert_allclose(features[:, path], expected)
        if day < len(ahead):
            state.step(ahead[day])


def test_paths_may_begin_in_different_states():
    states = np.stack([MEMORY.states(COUNTS)[:, -1], MEMORY.states(COUNTS[:-5])[:, -1]], axis=1)
    both = MemoryState(MEMORY, states, 2).features(np.zeros(2), np.full(2, 99.0)).copy()
    for path in range(2):
        alone = MemoryState(MEMORY, states[:, path], 1).features(np.zeros(2), np.full(2, 99.0))
        np.testing.assert_array_equal(both[:, path], alone[:, 0])


def test_only_log_levels_are_bounded():
    state = MemoryState(MEMORY, MEMORY.states(COUNTS)[:, -1], 1)
    free = state.features(np.zeros(2), np.full(2, 99.0))[:, 0].copy()
    bounded = state.features(np.array([7.0, 0.0]), np.array([8.0, 0.5]))[:, 0]
    assert bounded[:2].tolist() == [7.0, 0.5]
    np.testing.assert_array_equal(bounded[2:], free[2:])


def test_extreme_day_is_winsorised_at_three_times_95_percent_quantile():
    counts = np.array([0.0, 100.0] * 30 + [50_000.0, 0.0])
    busy = sorted(c for c in counts[-40:].tolist() if c > 0)
    at = 0.95 * (len(busy) - 1)
    low, high = busy[int(at)], busy[min(int(at) + 1, len(busy) - 1)]
    cap = 3 * (low + (at - int(at)) * (high - low))
    assert winsorise(counts, 40).tolist() == [min(c, cap) for c in counts.tolist()]
    assert winsorise(counts, 40)[-2] == cap < 50_000


@pytest.mark.parametrize(("busy", "winsorised"), [(9, False), (10, True)])
def test_counts_are_winsorised_only_with_ten_busy_days(busy, winsorised):
    counts = np.array([900.0] + [0.0] * 20 + [1.0] * busy)
    assert (winsorise(counts, 20 + busy).max() < 900) == winsorised


@pytest.mark.parametrize("half_life", [0.5, 3.0, 20.0, 365.0])
def test_level_equals_scipy_filter_exactly(half_life):
    counts, keep = LONG.astype(np.float64), 0.5 ** (1 / half_life)
    weighted = lfilter([1 - keep], [1, -keep], counts)
    expected = weighted / (1 - keep ** np.arange(1, len(counts) + 1))
    assert (level_of(counts, half_life) == expected).all()
