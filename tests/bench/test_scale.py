"""The smallest form of the measurement."""

from __future__ import annotations

import numpy as np
import pytest

from bench import scale
from tests.support import embedded


def test_a_synthetic_series_has_the_shape_of_the_real_one() -> None:
    real = embedded.read()["people"]
    other = scale.synthetic(7)
    assert len(other.values) == len(real.values)
    assert np.mean(np.asarray(other.values) == 0) == pytest.approx(
        np.mean(np.asarray(real.values) == 0), abs=0.02
    )
    assert not np.array_equal(other.values, scale.synthetic(8).values)


def test_a_series_is_refitted() -> None:
    cost = scale.refit(3)
    assert cost.seconds > 0 and 100_000 < cost.size < 2_000_000
