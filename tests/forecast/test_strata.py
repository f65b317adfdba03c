"""Of n numbers there is one in each n-th, and each may stand anywhere."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.strata import stratified_uniforms


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_each_part_has_one_number(n: int) -> None:
    drawn = stratified_uniforms(n, np.random.default_rng(n))
    assert sorted((drawn * n).astype(int)) == list(range(n))


def test_each_number_is_uniform() -> None:
    rng = np.random.default_rng(5)
    first = np.array([stratified_uniforms(4, rng)[0] for _ in range(4000)])
    counts, _ = np.histogram(first, bins=8, range=(0, 1))
    # Chi-square with seven degrees of freedom passes 24.3 once in a thousand.
    assert ((counts - 500) ** 2 / 500).sum() < 24.3
