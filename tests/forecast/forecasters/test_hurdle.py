"""Hurdle: paths and regressors against plain loops."""

import datetime as dt
import math

import numpy as np
import pytest

from forecast.calendar import harmonics, weekday
from forecast.forecasters.hurdle import Hurdle
from forecast.regression import gamma_regression, logistic_regression
from forecast.series import ONE_DAY
from tests.forecast.plain import weighted_mean


def test_paths_match_plain_loop(people):
    series = people.between("2021-09-01", "2024-02-20")
    fitted = Hurdle().fit(series)
    assert fitted.cap == 3 * series.values.max()
    horizon, n = 20, 8
    paths = fitted.simulate(horizon, n, np.random.default_rng(1)).values

    rng = np.random.default_rng(1)
    uniforms = rng.random((horizon, n))
    ratios = rng.choice(fitted.ratios, size=(horizon, n), p=fitted.ratio_shares)
    days = series.data_through + np.arange(1, horizon + 1) * ONE_DAY
    waves, saturday = harmonics(days, 2), weekday(days) == 5
    keep = 0.5 ** (1 / 60)
    for path in range(n):
        level, yesterday, before = fitted.level, float(series.values[-1]), float(series.values[-2])
        for day in range(horizon):
            x = [1.0, *waves[day], float(saturday[day])]
            x += [math.log1p(level), yesterday > 0, before > 0, math.log1p(yesterday)]
            p = 1 / (1 + math.exp(-np.dot(x, fitted.any_coefficients)))
            size = math.exp(np.dot(x, fitted.size_coefficients)) * ratios[day, path]
            count = min(max(round(size), 1), fitted.cap) if uniforms[day, path] < p else 0
            assert paths[path, day] == count
            before, yesterday = yesterday, count
            level = keep * level + (1 - keep) * count


def test_level_is_weighted_mean(people):
    series = people.between("2021-09-01", "2022-02-20")
    assert Hurdle().fit(series).level == pytest.approx(weighted_mean(series.values, 60))


def test_coefficients_match_regressions_on_plain_loop(people):
    """Regressors come from earlier days only; recent days have more weight."""
    series = people.between("2023-01-01", "2024-02-20")
    counts = series.values.tolist()
    fitted = Hurdle(weight_half_life_days=120.0, window_days=300, ridge=2.0).fit(series)
    rows, weights = [], []
    for day in range(len(counts) - 300, len(counts)):
        date = series.start.item() + dt.timedelta(days=day)
        turn = 2 * math.pi * (date.timetuple().tm_yday - 1) / 365.2425
        row = [1.0, math.sin(turn), math.cos(turn), math.sin(2 * turn), math.cos(2 * turn)]
        yesterday, before = counts[day - 1], counts[day - 2]
        row += [float(date.weekday() == 5), math.log1p(weighted_mean(counts[:day], 60))]
        rows.append([*row, float(yesterday > 0), float(before > 0), math.log1p(yesterday)])
        weights.append(0.5 ** ((len(counts) - 1 - day) / 120.0))
    x, y, w = np.array(rows), np.array(counts[-300:], float), np.array(weights)
    busy = y > 0
    expected = logistic_regression(x, busy.astype(float), w, 2.0)
    np.testing.assert_allclose(fitted.any_coefficients, expected, rtol=1e-6)
    expected = gamma_regression(x[busy], y[busy], w[busy], 2.0)
    np.testing.assert_allclose(fitted.size_coefficients, expected, rtol=1e-6)
    np.testing.assert_allclose(fitted.ratios, y[busy] / np.exp(x[busy] @ expected))
    np.testing.assert_allclose(fitted.ratio_shares, w[busy] / w[busy].sum())
