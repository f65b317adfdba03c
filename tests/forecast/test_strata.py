import numpy as np
import pytest

from forecast.strata import stratified_uniforms


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_each_stratum_has_one_number(n):
    uniforms = stratified_uniforms(n, np.random.default_rng(n))
    assert sorted((uniforms * n).astype(int)) == list(range(n))


def test_each_number_is_uniform():
    rng = np.random.default_rng(5)
    first = np.array([stratified_uniforms(4, rng)[0] for _ in range(4000)])
    counts, _ = np.histogram(first, bins=8, range=(0, 1))
    # Chi-square with seven degrees of freedom exceeds 24.3 with probability 0.001.
    assert ((counts - 500) ** 2 / 500).sum() < 24.3
