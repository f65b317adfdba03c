"""The weather that peers are given, without their packages."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from bench import weather_peers
from forecast.covariates import Covariates
from forecast.series import ONE_DAY, DailySeries

START = np.datetime64("2022-01-01")
DAYS = 800
HISTORY = np.arange(DAYS, dtype=float)[:, None] * [1.0, 10.0]


def make_weather(members, ahead):
    future = -1.0 - np.arange(members * ahead * 2, dtype=float).reshape(members, ahead, 2)
    return Covariates(("wind", "gust"), START, HISTORY, future)


@pytest.mark.parametrize(("members", "ahead", "count"), [(30, 5, 30), (1, 3, 20), (2, 0, 20)])
def test_futures_continue_members_with_a_past_year(members, ahead, count):
    covariates = make_weather(members, ahead)
    futures = weather_peers._futures(covariates, 28, np.random.default_rng(1))
    assert futures.shape == (count, 28, 2)
    np.testing.assert_array_equal(futures[:, :ahead], covariates.future[np.arange(count) % members])
    years = (DAYS + np.arange(ahead, 28) - futures[:, ahead:, 0]) / 365
    assert set(years[:, 0]) == {1.0, 2.0}
    assert (years == years[:, :1]).all(), "one year per future"
    np.testing.assert_array_equal(futures[:, ahead:, 1], 10 * futures[:, ahead:, 0])


def test_paths_are_shared_evenly_among_futures():
    assert weather_peers._shares(1000, 20) == [50] * 20
    assert sum(weather_peers._shares(1000, 30)) == 1000
    assert set(weather_peers._shares(1000, 30)) == {33, 34}


def test_days_without_counts_or_weather_are_left_out():
    series = DailySeries("people", START + 100 * ONE_DAY, np.arange(DAYS - 100))
    days, weather = weather_peers._together(series, make_weather(1, 1))
    np.testing.assert_array_equal(days.values, series.values)
    np.testing.assert_array_equal(weather, HISTORY[100:])
    longer = DailySeries("people", START - 100 * ONE_DAY, np.arange(DAYS + 100))
    days, weather = weather_peers._together(longer, make_weather(1, 1))
    np.testing.assert_array_equal(days.values, np.arange(100, DAYS + 100))
    assert len(weather) == DAYS


def test_quantiles_of_members_are_joined_like_past_days(monkeypatch):
    """A fake LightGBM predicts the day's wind plus the quantile level."""

    def train(options, data, _):
        assert data == (3 * (DAYS - 91 - 28),) * 2
        return SimpleNamespace(predict=lambda x: 1000.0 * x[:, 4] + options["alpha"])

    package = SimpleNamespace(train=train, Dataset=lambda x, y: (len(x), len(y)))
    monkeypatch.setitem(sys.modules, "lightgbm", package)
    busy = np.repeat(np.arange(DAYS // 40) % 2 * 50, 40)
    series = DailySeries("people", START, busy)
    draw = weather_peers._lightgbm(series, make_weather(20, 28))
    paths = draw(28, 400, np.random.default_rng(1))
    wind = make_weather(20, 28).future[:, :, 0]
    assert paths.shape == (400, 28)
    for day in (0, 27):
        np.testing.assert_array_equal(
            np.unique(np.floor(paths[:, day] / 1000)), np.unique(wind[:, day])
        )
    # Days of past windows are correlated, and so are those of the paths.
    ranks = paths.argsort(axis=0).argsort(axis=0)
    assert np.corrcoef(ranks[:, 3], ranks[:, 4])[0, 1] > 0.6


def test_auto_arima_follows_future_weather():
    pytest.importorskip("statsforecast", reason="the packages of the peers are not installed")
    rng = np.random.default_rng(1)
    wind = rng.normal(size=(400, 1))
    counts = np.maximum(50 + 10 * wind[:, 0] + rng.normal(size=400), 0).astype(int)
    series = DailySeries("people", START, counts)
    means = []
    for future in (0.0, 2.0):
        covariates = Covariates(("wind",), START, wind, np.full((1, 5, 1), future))
        draw = weather_peers._auto_arima(series, covariates, 365)
        means.append(draw(5, 200, np.random.default_rng(1)).mean())
    assert means[1] - means[0] == pytest.approx(20, abs=1)
