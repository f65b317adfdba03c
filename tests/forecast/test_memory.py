"""What is remembered of the past: the same numbers, however many days are taken at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from forecast.memory import Memory, level_of

COUNTS = np.random.default_rng(1).poisson(100, 900) * np.random.default_rng(2).integers(0, 2, 900)


@pytest.mark.parametrize("half_life", [0.5, 3.0, 20.0, 365.0])
def test_a_level_is_scipys_filter_bit_for_bit(half_life: float) -> None:
    counts, keep = COUNTS.astype(np.float64), 0.5 ** (1 / half_life)
    weighed = lfilter([1 - keep], [1, -keep], counts)
    expected = weighed / (1 - keep ** np.arange(1, len(counts) + 1))
    assert (level_of(counts, half_life) == expected).all()


def test_a_state_knows_nothing_of_later_days() -> None:
    memory, counts = Memory(lags=3), COUNTS.astype(np.float64)
    states = memory.states(counts)
    assert states.shape == (memory.n_means + 3, 900)
    for n in (3, 4, 500):
        assert (memory.states(counts[:n])[:, -1] == states[:, n - 1]).all()
    assert (states[-3:, 500] == counts[[500, 499, 498]]).all()
    assert (states[-3:, 0] == [counts[0], 0, 0]).all(), "nobody arrived before the first day"
