"""Sarimax: paths against the forecast of statsmodels."""

import numpy as np
import pytest

from forecast.forecasters.base import FitError
from forecast.forecasters.sarimax import Sarimax
from forecast.series import ONE_DAY, DailySeries

START = np.datetime64("2022-01-01", "D")
SMALL = Sarimax(order=(1, 0, 0), seasonal_order=(0, 0, 0, 7), harmonics=1, power=1.0)


@pytest.fixture(scope="module")
def far_from_zero():
    """An autoregression around 3,000 people, never near zero."""
    noise = np.random.default_rng(1).normal(0, 60, 500)
    values = np.zeros(500)
    for day in range(1, 500):
        values[day] = 0.6 * values[day - 1] + noise[day]
    return DailySeries("people", START, np.rint(values + 3000).astype(int))


@pytest.fixture(scope="module")
def fitted(far_from_zero):
    return SMALL.fit(far_from_zero)


def test_paths_have_mean_and_spread_of_statsmodels_forecast(far_from_zero, fitted):
    paths = fitted.simulate(15, 4000, np.random.default_rng(2)).values
    days = far_from_zero.data_through + np.arange(1, 16) * ONE_DAY
    results = SMALL.model(far_from_zero.values, far_from_zero.data_through).filter(fitted.params)
    forecast = results.get_forecast(15, exog=SMALL.regressors(days))
    np.testing.assert_allclose(paths.mean(axis=0), forecast.predicted_mean, atol=6)
    np.testing.assert_allclose(paths.std(axis=0), forecast.se_mean, rtol=0.06)


def test_days_of_paths_are_autocorrelated(fitted):
    paths = fitted.simulate(15, 4000, np.random.default_rng(3)).values
    autoregression = fitted.params[-2]
    assert autoregression > 0.4
    assert np.corrcoef(paths[:, 13], paths[:, 14])[0, 1] == pytest.approx(autoregression, abs=0.05)


def test_series_without_arrivals_is_rejected():
    with pytest.raises(FitError, match="a day with arrivals"):
        SMALL.fit(DailySeries("people", START, np.zeros(100, int)))
