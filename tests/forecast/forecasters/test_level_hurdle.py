"""LevelHurdle: regressors and paths against plain loops."""

import datetime as dt
import math

import numpy as np
import pytest

from forecast.covariates import Covariates
from forecast.forecasters.base import FitError
from forecast.forecasters.level_hurdle import LevelHurdle
from forecast.lag_features import winsorise
from forecast.regression import fit_sizes, logistic_regression, scaled_ridge
from forecast.series import ONE_DAY, DailySeries
from forecast.strata import stratified_uniforms
from forecast.weather import WeatherTerms
from tests.forecast.plain import weighted_mean

HYPER = LevelHurdle(
    levels=(20.0, 90.0), lags=2, weight_half_life_days=100.0, window_days=350, ridge=3.0,
    level_ridge=7.0,
)  # fmt: skip
DAYS = 400
FIRST = DAYS - 350


def simulate_counts():
    """Clusters of busy days, more in summer."""
    rng = np.random.default_rng(2)
    busy, values = 0.0, np.zeros(DAYS)
    for day in range(DAYS):
        p = 0.25 + 0.35 * busy + 0.2 * math.sin(2 * math.pi * day / 365)
        busy = float(rng.random() < p)
        values[day] = busy * (1 + rng.gamma(1.5, 60.0))
    return np.rint(values)


def make_series(values):
    return DailySeries("people", np.datetime64("2024-03-01"), values.astype(int))


def calendar_row(day):
    turn = 2 * math.pi * (day.timetuple().tm_yday - 1) / 365.2425
    return [1.0, float(day.weekday() == 5), math.sin(turn), math.cos(turn)]


def reference_row(past, day):
    """Regressors of `day`, from earlier days only."""
    busy = [float(count > 0) for count in past]
    row = calendar_row(day)
    row += [math.log1p(weighted_mean(past, half_life)) for half_life in (20.0, 90.0)]
    row += [weighted_mean(busy, half_life) for half_life in (3.0, 10.0)]
    return row + [busy[-1], busy[-2], math.log1p(past[-1]), math.log1p(past[-2])]


def design_matrix(values):
    """Regressors, counts and weights of each day in the window."""
    first = dt.date(2024, 3, 1)
    rows = [
        reference_row(values[:day].tolist(), first + dt.timedelta(days=day))
        for day in range(FIRST, DAYS)
    ]
    weights = [0.5 ** ((DAYS - 1 - day) / 100.0) for day in range(FIRST, DAYS)]
    return np.array(rows), values[FIRST:], np.array(weights)


def fit_logistic(x, happened, weights, strength):
    penalty = scaled_ridge(x, weights, strength)
    return logistic_regression(x, happened.astype(float), weights, penalty)


@pytest.fixture(scope="module")
def values():
    values = simulate_counts()
    values[200] = 12_000.0  # one extreme day, which is winsorised
    return values


@pytest.fixture(scope="module")
def fitted(values):
    return HYPER.fit(make_series(values))


def test_coefficients_and_ratios_match_regressions_on_plain_loop(values, fitted):
    x, y, weights = design_matrix(winsorise(values, 350))
    busy, ridge = y > 0, np.array([3.0] * 4 + [7.0] * 2 + [3.0] * 6)
    expected = fit_logistic(x, busy, weights, ridge)
    np.testing.assert_allclose(fitted.coefficients[0], expected, rtol=1e-6)
    size, ratios, shares = fit_sizes(x[busy], y[busy], weights[busy], ridge)
    np.testing.assert_allclose(fitted.coefficients[1], size, rtol=1e-6)
    np.testing.assert_allclose(fitted.ratios, ratios)
    np.testing.assert_allclose(fitted.ratio_shares, shares)


def test_level_bounds_cap_and_state_follow_winsorised_counts(values, fitted):
    winsorised = winsorise(values, 350)
    assert winsorised.max() < 3_000
    x, y, _ = design_matrix(winsorised)
    np.testing.assert_allclose(fitted.level_bounds[0], x[:, 4:6].min(axis=0) - 0.3)
    np.testing.assert_allclose(fitted.level_bounds[1], x[:, 4:6].max(axis=0) + 0.3)
    assert fitted.cap == pytest.approx(2.0 * y.max())
    past = winsorised.tolist()
    busy = [float(count > 0) for count in past]
    means = [weighted_mean(past, 20.0), weighted_mean(past, 90.0), weighted_mean(busy, 3.0)]
    means.append(weighted_mean(busy, 10.0))
    np.testing.assert_allclose(fitted.state, [*means, past[-1], past[-2]])
    for at in (0, 1, 60):
        states = HYPER.memory.states(winsorised[: DAYS - 364 + 6 * at])
        np.testing.assert_allclose(fitted.typical[at], states[:, -1])
    assert len(fitted.typical) == 61


def test_paths_match_plain_loop(fitted):
    n, horizon = 5, 12
    rng = np.random.default_rng(9)
    paths = fitted.simulate(horizon, n, np.random.default_rng(9))
    levels = [[fitted.state[k] for k in range(4)] for _ in range(n)]
    last = [[fitted.state[4], fitted.state[5]] for _ in range(n)]
    cumulated = np.cumsum(fitted.ratio_shares)
    origin = fitted.origin.item()
    for ahead in range(horizon):
        u_any, u_ratio = stratified_uniforms(n, rng), stratified_uniforms(n, rng)
        for path in range(n):
            row = calendar_row(origin + dt.timedelta(days=ahead + 1))
            for k in range(2):
                low, high = fitted.level_bounds[:, k]
                row.append(min(max(math.log1p(levels[path][k]), low), high))
            row += levels[path][2:]
            row += [float(count > 0) for count in last[path]]
            row += [math.log1p(count) for count in last[path]]
            eta = [sum(b * v for b, v in zip(beta, row, strict=True))
                   for beta in fitted.coefficients]  # fmt: skip
            count = 0.0
            if u_any[path] < 1 / (1 + math.exp(-eta[0])):
                at = next(i for i, s in enumerate(cumulated) if s >= u_ratio[path])
                count = min(max(round(math.exp(eta[1]) * fitted.ratios[at]), 1.0), fitted.cap)
            assert paths.values[path, ahead] == count
            for k, half_life in enumerate((20.0, 90.0, 3.0, 10.0)):
                keep = 0.5 ** (1 / half_life)
                new = count if k < 2 else float(count > 0)
                levels[path][k] = keep * levels[path][k] + (1 - keep) * new
            last[path] = [count, last[path][0]]


def test_mean_without_factor_removes_its_effect(fitted):
    def mean(absent):
        return fitted.mean_without(absent, 14, 4_000, np.random.default_rng(1))

    plain = mean(set())
    simulated = fitted.simulate(14, 4_000, np.random.default_rng(1)).mean()
    np.testing.assert_allclose(plain, simulated, rtol=1e-6)
    assert np.abs(fitted.coefficients[:, 1]).max() > 0.01
    weekdays = [(fitted.origin + (1 + k) * ONE_DAY).item().weekday() for k in range(14)]
    change = mean({"day of week"}) / plain - 1
    saturday = np.array(weekdays) == 5
    assert np.abs(change[saturday]).min() > np.abs(change[~saturday]).max()
    for factor in ("season", "recent level", "yesterday"):
        assert np.abs(mean({factor}) - plain).max() > 0.01 * plain.mean(), factor
    # Yesterday matters most on the first days.
    effect = np.abs(mean({"yesterday"}) - plain)
    assert effect[0] > effect[7:].mean()


def test_paths_without_season_are_spread_evenly_over_year(fitted):
    n, horizon = 8, 3
    terms = fitted._calendar(horizon, n, {"season"})
    assert terms.shape == (horizon, 2, n)
    for path in range(n):
        for ahead in range(horizon):
            day = fitted.origin.item() + dt.timedelta(days=ahead + 1)
            other = day + dt.timedelta(days=path * 365 // n)
            constant, saturday = calendar_row(day)[:2]
            row = np.array([constant, saturday, *calendar_row(other)[2:]])
            expected = fitted.coefficients[:, :4] @ row
            np.testing.assert_allclose(terms[ahead, :, path], expected)
    week = fitted._calendar(1, n, {"day of week"}) - fitted._calendar(1, n, set())
    first_is_saturday = (fitted.origin + ONE_DAY).item().weekday() == 5
    expected = fitted.coefficients[:, 1] * (1 / 7 - first_is_saturday)
    np.testing.assert_allclose(week[0, :, 0], expected)


def test_paths_without_recent_past_begin_in_states_of_last_year(fitted):
    assert fitted._begin(5, np.random.default_rng(1), {"season"}) is fitted.state
    typical = {tuple(row[:4]) for row in fitted.typical}, {tuple(row[4:]) for row in fitted.typical}
    for factor, other, part in (("recent level", 1, 0), ("yesterday", 0, 1)):
        begin = fitted._begin(50, np.random.default_rng(2), {factor})
        assert begin.shape == (6, 50)
        slices = slice(0, 4), slice(4, 6)
        states = {tuple(column) for column in begin[slices[part]].T}
        assert len(states) > 5
        assert states <= typical[part]
        unchanged = np.repeat(fitted.state[slices[other], None], 50, axis=1)
        np.testing.assert_array_equal(begin[slices[other]], unchanged)


def test_factors_without_weather(fitted):
    assert fitted.factors == ("season", "recent level", "yesterday", "day of week")
    assert fitted.covered_days == 0


def test_weather_moves_forecast_as_it_moved_counts(values):
    series = make_series(values)
    rough = (values == 0)[:, None] * 2.0 + np.random.default_rng(4).random((DAYS, 1))
    future = np.array([0.2, 0.2, 2.8])[None, :, None]
    fitted = HYPER.fit(series, Covariates(("wave_m",), series.start, rough, future))
    assert fitted.covered_days == 3
    assert fitted.factors[-1] == "weather"
    mean = fitted.simulate(3, 2_000, np.random.default_rng(5)).mean()
    without = fitted.mean_without({"weather"}, 3, 2_000, np.random.default_rng(5))
    assert (mean > without).tolist() == [True, True, False]
    assert mean[:2].min() > 3 * mean[2]


def test_crossability_matches_regression_on_weather(values):
    """Weights halve in a year; the ridge is that of the weather."""
    series = make_series(values)
    waves = (values == 0)[:, None] * 0.8 + np.random.default_rng(4).random((DAYS, 1))
    weather = Covariates(("wave_m",), series.start, waves, np.zeros((1, 1, 1)))
    columns = WeatherTerms().fit(weather)[1][FIRST:]
    x = np.hstack([np.ones((len(columns), 1)), columns])
    weights = 0.5 ** (np.arange(len(x))[::-1] / 365.0)
    strength = np.full(x.shape[1], HYPER.weather_ridge)
    expected = fit_logistic(x, values[FIRST:] > 0, weights, strength)
    np.testing.assert_allclose(HYPER.fit(series, weather).crossing, expected, rtol=1e-6)


def test_misaligned_or_short_weather_is_rejected(values):
    series = make_series(values)

    def weather(days, shift=0):
        start = series.data_through - (days - 1 - shift) * ONE_DAY
        history = np.arange(days, dtype=float)[:, None] % 7
        return Covariates(("w",), start, history, np.zeros((1, 1, 1)))

    with pytest.raises(FitError, match="must end on 2025-04-04, found 2025-04-03"):
        HYPER.fit(series, weather(390, -1))
    with pytest.raises(FitError, match="need 365 days of history, found 364"):
        HYPER.fit(series, weather(364))
    assert HYPER.fit(series, weather(365)).covered_days == 1


def test_few_busy_days_get_constant_mean():
    few = np.zeros(200)
    few[[20, 60, 100, 140, 150, 180, 190]] = [10, 20, 30, 40, 50, 60, 70]
    fitted = LevelHurdle().fit(make_series(few))
    size = fitted.coefficients[1]
    # The window begins on the 31st day.
    assert math.exp(size[0]) == pytest.approx(45.0)
    assert not size[1:].any()
    assert fitted.ratios.tolist() == [1.0]
