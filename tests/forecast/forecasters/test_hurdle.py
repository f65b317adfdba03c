"""Hurdle: paths against a plain loop, regressions against a general optimiser."""

import datetime as dt
import math

import numpy as np
import pytest
from scipy.optimize import minimize

from forecast.calendar import harmonics, weekday
from forecast.forecasters.hurdle import Hurdle
from forecast.series import ONE_DAY, DailySeries

START = np.datetime64("2021-05-01", "D")


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
    weights = [0.5 ** (age / 60) for age in range(len(series))][::-1]
    expected = np.average(series.values, weights=weights)
    assert Hurdle().fit(series).level == pytest.approx(expected)


def test_coefficients_match_general_optimiser(people):
    """Regressors come from earlier days only; recent days have more weight."""
    series = people.between("2023-01-01", "2024-02-20")
    counts = series.values.tolist()
    hyper = Hurdle(weight_half_life_days=120.0, window_days=300, ridge=2.0)
    fitted = hyper.fit(series)
    rows, sizes, weights = [], [], []
    for day in range(len(counts) - 300, len(counts)):
        date = series.start.item() + dt.timedelta(days=day)
        turn = 2 * math.pi * (date.timetuple().tm_yday - 1) / 365.2425
        row = [1.0, math.sin(turn), math.cos(turn), math.sin(2 * turn), math.cos(2 * turn)]
        ages = [0.5 ** (age / 60) for age in range(day)][::-1]
        level = sum(w * c for w, c in zip(ages, counts[:day], strict=True)) / sum(ages)
        yesterday, before = counts[day - 1], counts[day - 2]
        row += [float(date.weekday() == 5), math.log1p(level)]
        rows.append([*row, float(yesterday > 0), float(before > 0), math.log1p(yesterday)])
        sizes.append(float(counts[day]))
        weights.append(0.5 ** ((len(counts) - 1 - day) / 120.0))
    x, y, w = np.array(rows), np.array(sizes), np.array(weights)
    busy = y > 0
    penalty = np.r_[1e-6, np.full(9, 2.0)]

    def any_loss(beta):
        eta = x @ beta
        return float(w @ (np.logaddexp(0.0, eta) - busy * eta) + 0.5 * penalty @ beta**2)

    def size_loss(beta):
        eta = x[busy] @ beta
        return float(w[busy] @ (eta + y[busy] * np.exp(-eta)) + 0.5 * penalty @ beta**2)

    for loss, actual in (
        (any_loss, fitted.any_coefficients),
        (size_loss, fitted.size_coefficients),
    ):
        expected = minimize(loss, np.zeros(10), method="BFGS", options={"gtol": 1e-7}).x
        np.testing.assert_allclose(actual, expected, atol=2e-3)


def test_paths_recover_rate_and_size_of_independent_days():
    rng = np.random.default_rng(3)
    n = 1600
    values = np.where(rng.random(n) < 0.3, np.ceil(rng.gamma(2.0, 100.0, n)), 0).astype(int)
    paths = Hurdle().fit(DailySeries("people", START, values)).simulate(200, 300, rng).values
    assert (paths > 0).mean() == pytest.approx(0.3, abs=0.05)
    assert paths[paths > 0].mean() == pytest.approx(200, rel=0.15)
