"""The hurdle on several memories: its regressions by other tools, its paths by a slow loop."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
from scipy.optimize import minimize

from forecast.covariates import Covariates
from forecast.forecasters.base import FitError
from forecast.forecasters.level_hurdle import FittedLevelHurdle, LevelHurdle
from forecast.series import ONE_DAY, DailySeries
from forecast.strata import stratified_uniforms
from forecast.weather import WeatherTerms

Array = np.ndarray  # type: ignore[type-arg]

HYPER = LevelHurdle(
    levels=(20.0, 90.0), lags=2, weight_half_life_days=100.0, window_days=350, ridge=3.0,
    level_ridge=7.0,
)  # fmt: skip
DAYS = 400
FIRST = DAYS - 350


def counts() -> Array:
    """Clusters of busy days, more in summer."""
    rng = np.random.default_rng(2)
    busy, values = 0.0, np.zeros(DAYS)
    for day in range(DAYS):
        p = 0.25 + 0.35 * busy + 0.2 * math.sin(2 * math.pi * day / 365)
        busy = float(rng.random() < p)
        values[day] = busy * (1 + rng.gamma(1.5, 60.0))
    return np.rint(values)


def series(values: Array) -> DailySeries:
    return DailySeries("people", np.datetime64("2024-03-01"), values.astype(int))


def slow_mean(values: list[float], half_life: float) -> float:
    weights = [0.5 ** (age / half_life) for age in range(len(values))][::-1]
    return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)


def slow_row(past: list[float], day: dt.date) -> list[float]:
    """Regressors of `day`, made of the days before it alone."""
    turn = 2 * math.pi * (day.timetuple().tm_yday - 1) / 365.2425
    busy = [float(count > 0) for count in past]
    row = [1.0, float(day.weekday() == 5), math.sin(turn), math.cos(turn)]
    row += [math.log1p(slow_mean(past, half_life)) for half_life in (20.0, 90.0)]
    row += [slow_mean(busy, half_life) for half_life in (3.0, 10.0)]
    return row + [busy[-1], busy[-2], math.log1p(past[-1]), math.log1p(past[-2])]


def held(values: Array) -> Array:
    """Counts held below three times the 95 % quantile of the busy days of the window."""
    window = values[-350:]
    return np.minimum(values, 3.0 * np.quantile(window[window > 0], 0.95))


def table(values: Array) -> tuple[Array, Array, Array]:
    """Regressors, counts and weights of each day of the window, day by day."""
    first = dt.date(2024, 3, 1)
    rows = [
        slow_row(values[:day].tolist(), first + dt.timedelta(days=day))
        for day in range(FIRST, DAYS)
    ]
    weights = [0.5 ** ((DAYS - 1 - day) / 100.0) for day in range(FIRST, DAYS)]
    return np.array(rows), values[FIRST:], np.array(weights)


def penalties(x: Array, weights: Array) -> Array:
    """Strength times the weighted variance of each column; next to none on the constant."""
    strength = np.array([3.0] * 4 + [7.0] * 2 + [3.0] * 6)
    mean = (weights[:, None] * x).sum(axis=0) / weights.sum()
    variance = (weights[:, None] * (x - mean) ** 2).sum(axis=0) / weights.sum()
    return np.concatenate([[1e-6], (strength * variance)[1:]])


def optimum(loss: object, k: int) -> Array:
    return np.asarray(minimize(loss, np.zeros(k), method="BFGS", options={"gtol": 1e-7}).x)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def values() -> Array:
    made = counts()
    made[200] = 12_000.0  # one enormous day, which is held
    return made


@pytest.fixture(scope="module")
def fitted(values: Array) -> FittedLevelHurdle:
    return HYPER.fit(series(values))


def test_the_coefficients_are_those_of_a_general_optimiser(
    values: Array, fitted: FittedLevelHurdle
) -> None:
    x, y, weights = table(held(values))
    busy = y > 0

    def deviance_any(beta: Array) -> float:
        eta = x @ beta
        loss = weights @ (np.logaddexp(0.0, eta) - busy * eta)
        return float(loss + 0.5 * penalties(x, weights) @ beta**2)

    np.testing.assert_allclose(fitted.coefficients[0], optimum(deviance_any, 12), atol=2e-3)
    xs, ys, ws = x[busy], y[busy], weights[busy]

    def deviance_size(beta: Array) -> float:
        eta = xs @ beta
        loss = ws @ (eta + ys * np.exp(-eta))
        return float(loss + 0.5 * penalties(xs, ws) @ beta**2)

    np.testing.assert_allclose(fitted.coefficients[1], optimum(deviance_size, 12), atol=2e-3)


def test_ratios_are_what_came_over_what_was_expected_by_weight(
    values: Array, fitted: FittedLevelHurdle
) -> None:
    x, y, weights = table(held(values))
    busy = y > 0
    ratios = y[busy] / np.exp(x[busy] @ fitted.coefficients[1])
    order = np.argsort(ratios)
    np.testing.assert_allclose(fitted.ratios, ratios[order], rtol=1e-8)
    shares = weights[busy] / weights[busy].sum()
    np.testing.assert_allclose(fitted.ratio_shares, shares[order])


def test_bounds_cap_and_state(values: Array, fitted: FittedLevelHurdle) -> None:
    tamed = held(values)
    assert tamed.max() < 3_000
    x, y, _ = table(tamed)
    np.testing.assert_allclose(fitted.level_bounds[0], x[:, 4:6].min(axis=0) - 0.3)
    np.testing.assert_allclose(fitted.level_bounds[1], x[:, 4:6].max(axis=0) + 0.3)
    assert fitted.cap == pytest.approx(2.0 * y.max())
    past = tamed.tolist()
    busy = [float(count > 0) for count in past]
    means = [slow_mean(past, 20.0), slow_mean(past, 90.0), slow_mean(busy, 3.0)]
    means.append(slow_mean(busy, 10.0))
    np.testing.assert_allclose(fitted.state, [*means, past[-1], past[-2]])
    np.testing.assert_allclose(fitted.typical[0], HYPER.memory.states(tamed[: DAYS - 364])[:, -1])
    assert len(fitted.typical) == 53


def test_paths_by_a_slow_loop(values: Array, fitted: FittedLevelHurdle) -> None:
    n, horizon = 5, 12
    rng = np.random.default_rng(9)
    drawn = fitted.simulate(horizon, n, np.random.default_rng(9))
    levels = [[fitted.state[k] for k in range(4)] for _ in range(n)]
    last = [[fitted.state[4], fitted.state[5]] for _ in range(n)]
    cumulated = np.cumsum(fitted.ratio_shares)
    origin = fitted.origin.item()
    for ahead in range(horizon):
        u_any, u_ratio = stratified_uniforms(n, rng), stratified_uniforms(n, rng)
        day = origin + dt.timedelta(days=ahead + 1)
        turn = 2 * math.pi * (day.timetuple().tm_yday - 1) / 365.2425
        for path in range(n):
            row = [1.0, float(day.weekday() == 5), math.sin(turn), math.cos(turn)]
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
            assert drawn.values[path, ahead] == count
            for k, half_life in enumerate((20.0, 90.0, 3.0, 10.0)):
                keep = 0.5 ** (1 / half_life)
                new = count if k < 2 else float(count > 0)
                levels[path][k] = keep * levels[path][k] + (1 - keep) * new
            last[path] = [count, last[path][0]]


def test_without_a_factor_the_forecast_does_not_know_it(fitted: FittedLevelHurdle) -> None:
    def mean(absent: set[str]) -> Array:
        return fitted.mean_without(absent, 14, 4_000, np.random.default_rng(1))

    plain = mean(set())
    drawn = fitted.simulate(14, 4_000, np.random.default_rng(1)).mean()
    np.testing.assert_allclose(plain, drawn, rtol=1e-6)
    week = mean({"day of week"})
    eta = fitted.coefficients[:, 1]
    assert np.abs(eta).max() > 0.01
    days = [(fitted.origin + (1 + k) * ONE_DAY).item().weekday() for k in range(14)]
    change = week / plain - 1
    saturday = np.array(days) == 5
    assert np.abs(change[saturday]).min() > np.abs(change[~saturday]).max()
    for factor in ("season", "recent level", "yesterday"):
        assert np.abs(mean({factor}) - plain).max() > 0.01 * plain.mean(), factor
    # Yesterday matters on the first days most.
    gone = np.abs(mean({"yesterday"}) - plain)
    assert gone[0] > gone[7:].mean()


def test_without_the_season_paths_stand_evenly_over_the_year(fitted: FittedLevelHurdle) -> None:
    n, horizon = 8, 3
    terms = fitted._calendar(horizon, n, {"season"})
    assert terms.shape == (horizon, 2, n)
    for path in range(n):
        for ahead in range(horizon):
            day = fitted.origin.item() + dt.timedelta(days=ahead + 1)
            other = day + dt.timedelta(days=path * 365 // n)
            turn = 2 * math.pi * (other.timetuple().tm_yday - 1) / 365.2425
            row = [1.0, float(day.weekday() == 5), math.sin(turn), math.cos(turn)]
            expected = fitted.coefficients[:, :4] @ np.array(row)
            np.testing.assert_allclose(terms[ahead, :, path], expected)
    week = fitted._calendar(1, n, {"day of week"}) - fitted._calendar(1, n, set())
    saturday = (fitted.origin + ONE_DAY).item().weekday() == 5
    expected = fitted.coefficients[:, 1] * (1 / 7 - saturday)
    np.testing.assert_allclose(week[0, :, 0], expected)


def test_without_the_recent_past_paths_begin_as_days_of_the_last_year_did(
    fitted: FittedLevelHurdle,
) -> None:
    rng = np.random.default_rng(1)
    assert fitted._begin(5, rng, {"season"}) is fitted.state
    typical = {tuple(row[:4]) for row in fitted.typical}, {tuple(row[4:]) for row in fitted.typical}
    for factor, other, part in (("recent level", 1, 0), ("yesterday", 0, 1)):
        begin = fitted._begin(50, np.random.default_rng(2), {factor})
        assert begin.shape == (6, 50)
        slices = slice(0, 4), slice(4, 6)
        drawn = {tuple(column) for column in begin[slices[part]].T}
        assert len(drawn) > 5
        assert drawn <= typical[part]
        kept = np.repeat(fitted.state[slices[other], None], 50, axis=1)
        np.testing.assert_array_equal(begin[slices[other]], kept)


def test_factors(fitted: FittedLevelHurdle) -> None:
    assert fitted.factors == ("season", "recent level", "yesterday", "day of week")
    assert fitted.covered_days == 0


def test_weather_moves_the_forecast_the_way_it_moved_the_past(values: Array) -> None:
    known = series(values)
    rough = (values == 0)[:, None] * 2.0 + np.random.default_rng(4).random((DAYS, 1))
    means = {}
    for name, level in (("calm", 0.2), ("rough", 2.8)):
        future = np.full((1, 3, 1), level)
        fitted = HYPER.fit(known, Covariates(("wave_m",), known.start, rough, future))
        assert fitted.covered_days == 3
        assert fitted.factors[-1] == "weather"
        means[name] = fitted.simulate(3, 2_000, np.random.default_rng(5)).mean()
        blind = fitted.mean_without({"weather"}, 3, 2_000, np.random.default_rng(5))
        assert means[name][0] > blind[0] if name == "calm" else means[name][0] < blind[0]
    assert (means["calm"] > 3 * means["rough"]).all()


def test_crossability_is_that_of_the_days_on_which_people_arrived(values: Array) -> None:
    """By a general optimiser, with weights that halve in a year and the ridge of the weather."""
    known = series(values)
    waves = (values == 0)[:, None] * 0.8 + np.random.default_rng(4).random((DAYS, 1))
    weather = Covariates(("wave_m",), known.start, waves, np.zeros((1, 1, 1)))
    columns = WeatherTerms().fit(weather)[1][FIRST:]
    x = np.hstack([np.ones((len(columns), 1)), columns])
    weights = 0.5 ** (np.arange(len(x))[::-1] / 365.0)
    mean = weights @ x / weights.sum()
    penalty = HYPER.weather_ridge * (weights @ (x - mean) ** 2) / weights.sum()
    busy = values[FIRST:] > 0

    def deviance(beta: Array) -> float:
        eta = x @ beta
        return float(weights @ (np.logaddexp(0.0, eta) - busy * eta) + 0.5 * penalty @ beta**2)

    fitted = HYPER.fit(known, weather)
    np.testing.assert_allclose(fitted.crossing, optimum(deviance, x.shape[1]), atol=2e-3)


def test_weather_that_ends_on_another_day_or_is_short_is_declined(values: Array) -> None:
    known = series(values)

    def weather(days: int, shift: int = 0) -> Covariates:
        start = known.data_through - (days - 1 - shift) * ONE_DAY
        history = np.arange(days, dtype=float)[:, None] % 7
        return Covariates(("w",), start, history, np.zeros((1, 1, 1)))

    with pytest.raises(FitError, match="must end on 2025-04-04, found 2025-04-03"):
        HYPER.fit(known, weather(390, -1))
    with pytest.raises(FitError, match="need 365 days of history, found 364"):
        HYPER.fit(known, weather(364))
    assert HYPER.fit(known, weather(365)).covered_days == 1


def test_with_few_busy_days_one_mean_serves_for_all() -> None:
    few = np.zeros(200)
    few[[20, 60, 100, 140, 150, 180, 190]] = [10, 20, 30, 40, 50, 60, 70]
    fitted = LevelHurdle().fit(series(few))
    size = fitted.coefficients[1]
    # The first day of the window is the 31st.
    assert math.exp(size[0]) == pytest.approx(45.0)
    assert not size[1:].any()
    assert fitted.ratios.tolist() == [1.0]
