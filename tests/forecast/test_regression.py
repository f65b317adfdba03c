"""Both regressions beside statsmodels' generalised linear models."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize

from forecast.regression import (
    fit_sizes,
    gamma_regression,
    logistic,
    logistic_regression,
    scaled_ridge,
)

N = 600


@pytest.fixture
def x() -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.column_stack([np.ones(N), rng.normal(size=(N, 2)), rng.random(N) < 0.3])


@pytest.fixture
def weights() -> np.ndarray:
    return 0.5 ** (np.arange(N)[::-1] / 200)


def test_logistic_by_its_definition() -> None:
    x = np.array([-1000.0, -2.0, 0.0, 2.0, 1000.0])
    expected = [0.0, 1 / (1 + np.exp(2)), 0.5, 1 / (1 + np.exp(-2)), 1.0]
    np.testing.assert_allclose(logistic(x), expected, atol=1e-12)


def test_logistic_regression_beside_statsmodels(x: np.ndarray, weights: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    happened = (rng.random(N) < logistic(x @ [-0.5, 1.0, -0.3, 0.8])).astype(float)
    ours = logistic_regression(x, happened, weights, ridge=0.0)
    theirs = sm.GLM(happened, x, family=sm.families.Binomial(), freq_weights=weights).fit()
    np.testing.assert_allclose(ours, theirs.params, atol=1e-5)


def test_gamma_regression_beside_statsmodels(x: np.ndarray, weights: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    size = np.exp(x @ [5.0, 0.4, -0.2, 0.5]) * rng.gamma(2.0, 0.5, N)
    ours = gamma_regression(x, size, weights, ridge=0.0)
    link = sm.families.links.Log()
    theirs = sm.GLM(size, x, family=sm.families.Gamma(link), freq_weights=weights).fit()
    np.testing.assert_allclose(ours, theirs.params, atol=1e-5)


@pytest.mark.parametrize("ridge", [0.5, 20.0])
def test_the_penalised_fits_by_a_general_minimiser(
    x: np.ndarray, weights: np.ndarray, ridge: float
) -> None:
    rng = np.random.default_rng(4)
    happened = (rng.random(N) < logistic(x @ [-0.5, 1.0, -0.3, 0.8])).astype(float)
    size = np.exp(x @ [5.0, 0.4, -0.2, 0.5]) * rng.gamma(2.0, 0.5, N)
    penalty = np.array([1e-6, ridge, ridge, ridge])

    def logistic_loss(beta: np.ndarray) -> float:
        eta = x @ beta
        return float(weights @ (np.logaddexp(0, eta) - happened * eta) + penalty @ beta**2 / 2)

    def gamma_loss(beta: np.ndarray) -> float:
        eta = x @ beta
        return float(weights @ (eta + size * np.exp(-eta)) + penalty @ beta**2 / 2)

    for ours, loss, start in (
        (logistic_regression(x, happened, weights, ridge), logistic_loss, np.zeros(4)),
        (gamma_regression(x, size, weights, ridge), gamma_loss, np.array([5.0, 0, 0, 0])),
    ):
        theirs = minimize(loss, start, method="BFGS", options={"gtol": 1e-6}).x
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_what_never_or_always_happens_stays_finite(x: np.ndarray, share: float) -> None:
    beta = logistic_regression(x, np.full(N, share), np.ones(N), ridge=1.0)
    assert np.isfinite(beta).all()
    np.testing.assert_allclose(logistic(x @ beta), share, atol=0.02)


def test_a_perfect_separation_stays_finite(x: np.ndarray) -> None:
    beta = logistic_regression(x, (x[:, 1] > 0).astype(float), np.ones(N), ridge=1.0)
    assert np.isfinite(beta).all()
    assert beta[1] > 1


def test_sizes_over_many_orders_stay_finite(x: np.ndarray) -> None:
    size = 10.0 ** np.random.default_rng(5).uniform(0, 9, N)
    assert np.isfinite(gamma_regression(x, size, np.ones(N), ridge=1.0)).all()


def test_the_ridge_is_in_standard_deviations_of_each_column(
    x: np.ndarray, weights: np.ndarray
) -> None:
    strength = np.array([9.0, 2.0, 3.0, 4.0, 5.0])
    wide = np.column_stack([x * [1.0, 10.0, 0.1, 1.0], np.full(N, 7.0)])
    penalty = scaled_ridge(wide, weights, strength)
    total = weights.sum()
    for column in (1, 2, 3):
        mean = sum(weights * wide[:, column]) / total
        variance = sum(weights * (wide[:, column] - mean) ** 2) / total
        assert penalty[column] == pytest.approx(strength[column] * variance)
    assert penalty[0] == 1e-6
    assert penalty[4] == 1.0, "a column that never varies is held at zero"


def test_a_fit_has_reached_its_optimum(x: np.ndarray, weights: np.ndarray) -> None:
    """The gradient vanishes, which one step from a rough start does not reach."""
    rng = np.random.default_rng(6)
    happened = (rng.random(N) < 0.03).astype(float)
    beta = logistic_regression(x, happened, weights, ridge=0.5)
    penalty = np.array([1e-6, 0.5, 0.5, 0.5])
    gradient = x.T @ (weights * (happened - logistic(x @ beta))) - penalty * beta
    np.testing.assert_allclose(gradient, 0.0, atol=1e-4)
    size = np.exp(x @ [5.0, 1.4, -1.2, 0.5]) * rng.gamma(0.8, 1.0, N)
    beta = gamma_regression(x, size, weights, ridge=0.5)
    ratio = np.clip(size / np.exp(x @ beta), 0.0, 20.0)
    gradient = x.T @ (weights * (ratio - 1.0)) - penalty * beta
    np.testing.assert_allclose(gradient, 0.0, atol=1e-4)


def test_one_enormous_size_counts_as_twenty_times_its_expectation() -> None:
    x = np.column_stack([np.ones(100), np.arange(100) % 2])
    size = np.full(100, 50.0)
    size[0] = 1e9
    [base, odd] = gamma_regression(x, size, np.ones(100), ridge=1e-9)
    # Of 50 even days 49 have 50 and one counts as 20 expectations: m = (49 * 50 + 20 m) / 50.
    assert np.exp(base) == pytest.approx(49 * 50 / 30, rel=1e-3)
    assert np.exp(base + odd) == pytest.approx(50, rel=1e-3)


def test_sizes_have_their_ratios_in_order_with_their_weights(
    x: np.ndarray, weights: np.ndarray
) -> None:
    rng = np.random.default_rng(7)
    size = np.exp(x @ [5.0, 0.4, -0.2, 0.5]) * rng.gamma(2.0, 0.5, N)
    beta, ratios, shares = fit_sizes(x, size, weights, np.full(4, 0.01))
    pairs = sorted(zip(size / np.exp(x @ beta), weights / weights.sum(), strict=True))
    np.testing.assert_allclose(ratios, [ratio for ratio, _ in pairs])
    np.testing.assert_allclose(shares, [share for _, share in pairs])
