"""Prophet: paths against its own forecast, and no output."""

import logging

import numpy as np
import pandas as pd
import pytest

from forecast.forecasters.prophet import Prophet
from forecast.series import DailySeries

START = np.datetime64("2022-01-01", "D")


@pytest.fixture
def far_from_zero():
    day = np.arange(500)
    noise = np.random.default_rng(1).normal(0, 40, 500)
    weekly = np.where(day % 7 == 0, 500, 0)  # Saturdays
    return DailySeries("people", START, np.rint(3000 + weekly + noise).astype(int))


def test_paths_have_mean_and_spread_of_prophet_forecast(far_from_zero):
    fitted = Prophet(power=1.0).fit(far_from_zero)
    paths = fitted.simulate(14, 2000, np.random.default_rng(2))
    expected = fitted.model.predict(pd.DataFrame({"ds": pd.to_datetime(paths.dates)}))["yhat"]
    np.testing.assert_allclose(paths.mean(), expected, atol=8)
    np.testing.assert_allclose(paths.values.std(axis=0), 40, rtol=0.15)
    saturdays = paths.dates[paths.mean() > 3300]
    assert [str(day) for day in saturdays] == ["2023-05-20", "2023-05-27"]


def test_nothing_is_printed_or_logged(far_from_zero, capfd, caplog):
    with caplog.at_level(logging.INFO):
        Prophet().fit(far_from_zero).simulate(3, 3, np.random.default_rng(0))
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
