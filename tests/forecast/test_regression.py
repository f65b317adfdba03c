"""Logistic and gamma regressions, compared with statsmodels and first-order conditions."""

import numpy as np
import pytest
import statsmodels.api as sm

from forecast.regression import (
    fit_sizes,
    gamma_regression,
    logistic,
    logistic_regression,
    scaled_ridge,
)

N = 600


@pytest.fixture
def x():
    rng = np.random.default_rng(1)
    return np.column_stack([np.ones(N), rng.normal(size=(N, 2)), rng.random(N) < 0.3])


@pytest.fixture
def weights():
    return 0.5 ** (np.arange(N)[::-1] / 200)


def simulate_sizes(x, seed):
    return np.exp(x @ [5.0, 0.4, -0.2, 0.5]) * np.random.default_rng(seed).gamma(2.0, 0.5, N)


def test_logistic_matches_definition():
    x = np.array([-1000.0, -2.0, 0.0, 2.0, 1000.0])
    expected = [0.0, 1 / (1 + np.exp(2)), 0.5, 1 / (1 + np.exp(-2)), 1.0]
    np.testing.assert_allclose(logistic(x), expected, atol=1e-12)


def test_logistic_regression_matches_statsmodels(x, weights):
    rng = np.random.default_rng(2)
    occurred = (rng.random(N) < logistic(x @ [-0.5, 1.0, -0.3, 0.8])).astype(float)
    actual = logistic_regression(x, occurred, weights, ridge=0.0)
    expected = sm.GLM(occurred, x, family=sm.families.Binomial(), freq_weights=weights).fit()
    np.testing.assert_allclose(actual, expected.params, atol=1e-5)


def test_gamma_regression_matches_statsmodels(x, weights):
    sizes = simulate_sizes(x, 3)
    actual = gamma_regression(x, sizes, weights, ridge=0.0)
    link = sm.families.links.Log()
    expected = sm.GLM(sizes, x, family=sm.families.Gamma(link), freq_weights=weights).fit()
    np.testing.assert_allclose(actual, expected.params, atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_fit_of_constant_outcome_is_finite(x, share):
    beta = logistic_regression(x, np.full(N, share), np.ones(N), ridge=1.0)
    assert np.isfinite(beta).all()
    np.testing.assert_allclose(logistic(x @ beta), share, atol=0.02)


def test_fit_with_perfect_separation_is_finite(x):
    beta = logistic_regression(x, (x[:, 1] > 0).astype(float), np.ones(N), ridge=1.0)
    assert np.isfinite(beta).all()
    assert beta[1] > 1


def test_fit_of_sizes_over_many_orders_of_magnitude_is_finite(x):
    sizes = 10.0 ** np.random.default_rng(5).uniform(0, 9, N)
    assert np.isfinite(gamma_regression(x, sizes, np.ones(N), ridge=1.0)).all()


def test_ridge_is_scaled_by_variance_of_each_column(x, weights):
    strength = np.array([9.0, 2.0, 3.0, 4.0, 5.0])
    wide = np.column_stack([x * [1.0, 10.0, 0.1, 1.0], np.full(N, 7.0)])
    penalty = scaled_ridge(wide, weights, strength)
    total = weights.sum()
    for column in (1, 2, 3):
        mean = sum(weights * wide[:, column]) / total
        variance = sum(weights * (wide[:, column] - mean) ** 2) / total
        assert penalty[column] == pytest.approx(strength[column] * variance)
    assert penalty[0] == 1e-6
    assert penalty[4] == 1.0, "the coefficient of a constant column stays at zero"


@pytest.mark.parametrize("ridge", [0.5, 20.0])
def test_gradient_is_zero_at_penalised_fits(x, weights, ridge):
    rng = np.random.default_rng(6)
    occurred = (rng.random(N) < 0.03).astype(float)
    beta = logistic_regression(x, occurred, weights, ridge)
    penalty = np.array([1e-6, ridge, ridge, ridge])
    gradient = x.T @ (weights * (occurred - logistic(x @ beta))) - penalty * beta
    np.testing.assert_allclose(gradient, 0.0, atol=1e-4)
    sizes = np.exp(x @ [5.0, 1.4, -1.2, 0.5]) * rng.gamma(0.8, 1.0, N)
    beta = gamma_regression(x, sizes, weights, ridge)
    ratio = np.clip(sizes / np.exp(x @ beta), 0.0, 20.0)
    gradient = x.T @ (weights * (ratio - 1.0)) - penalty * beta
    np.testing.assert_allclose(gradient, 0.0, atol=1e-4)


def test_extreme_size_counts_as_20_times_its_expectation():
    x = np.column_stack([np.ones(100), np.arange(100) % 2])
    sizes = np.full(100, 50.0)
    sizes[0] = 1e9
    base, odd = gamma_regression(x, sizes, np.ones(100), ridge=1e-9)
    # Of 50 even days 49 have 50 and one counts as 20 expectations: m = (49 * 50 + 20 m) / 50.
    assert np.exp(base) == pytest.approx(49 * 50 / 30, rel=1e-3)
    assert np.exp(base + odd) == pytest.approx(50, rel=1e-3)


def test_fit_sizes_returns_sorted_ratios_with_weights(x, weights):
    sizes = simulate_sizes(x, 7)
    beta, ratios, shares = fit_sizes(x, sizes, weights, np.full(4, 0.01))
    pairs = sorted(zip(sizes / np.exp(x @ beta), weights / weights.sum(), strict=True))
    np.testing.assert_allclose(ratios, [ratio for ratio, _ in pairs])
    np.testing.assert_allclose(shares, [share for _, share in pairs])
