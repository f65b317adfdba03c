"""LevelHurdle with weather: the effect of drivers, and faulty drivers."""

import numpy as np
import pytest

from forecast.covariates import Covariates, ForecastArchive
from forecast.forecasters.level_hurdle import FittedLevelHurdle, LevelHurdle
from forecast.series import ONE_DAY, DailySeries

START = np.datetime64("2022-01-01")
N = 900
RNG = np.random.default_rng(4)
WIND = RNG.gamma(4.0, 2.0, size=(N, 2))
COUNTS = np.where(WIND[:, 0] + 0.5 * RNG.standard_normal(N) < 7, RNG.poisson(80, N), 0)
SERIES = DailySeries("people", START, COUNTS)


def fit(history, future):
    names = tuple(f"driver_{k}" for k in range(history.shape[1]))
    return LevelHurdle().fit(SERIES, Covariates(names, START, history, future))


def draw(fitted, horizon=20):
    return fitted.simulate(horizon, 400, np.random.default_rng(1)).values


def test_calm_days_are_busy_and_rough_days_are_not():
    future = np.full((1, 4, 2), 5.0)
    future[:, 2:] = 12.0
    busy = (draw(fit(WIND, future)) > 0).mean(axis=0)
    assert busy[:2].min() > 0.8
    assert busy[2:4].max() < 0.2


def test_memory_with_weather_is_one_long_level_and_one_lag():
    fitted = fit(WIND, np.full((1, 4, 2), 5.0))
    memory = fitted.hyper.memory
    assert (memory.level_half_lives, memory.share_half_lives, memory.lags) == ((60.0,), (), 1)
    level = np.average(COUNTS, weights=0.5 ** (np.arange(N)[::-1] / 60))
    np.testing.assert_allclose(fitted.state, [level, COUNTS[-1]])


@pytest.mark.parametrize("members", [1, 2, 20])
def test_any_number_of_members_gives_plausible_paths(members):
    paths = draw(fit(WIND, RNG.gamma(4.0, 2.0, size=(members, 5, 2))), 60)
    assert 0.2 < (paths > 0).mean() < 0.8
    assert paths.max() <= 2 * COUNTS.max()


def test_constant_driver_changes_little():
    future = RNG.gamma(4.0, 2.0, size=(20, 5, 2))
    plain = draw(fit(WIND, future)).mean()
    constant = np.hstack([WIND, np.full((N, 1), 3.0)])
    future = np.concatenate([future, np.full((20, 5, 1), 7.0)], axis=2)
    assert draw(fit(constant, future)).mean() == pytest.approx(plain, rel=0.1)


def test_stuck_sensor_does_not_inflate_paths():
    stuck = WIND.copy()
    stuck[-60:, 0] = 0.0
    assert draw(fit(stuck, np.zeros((20, 5, 2)))).max() <= 2 * COUNTS.max()


def make_faulty_weather(case):
    """Weather with 20 members and an archive of forecasts, with one fault."""
    rng = np.random.default_rng(5)
    history, future = WIND.copy(), rng.gamma(4.0, 2.0, size=(20, 5, 2))
    at = np.arange(600, 890, 7)
    observed = np.stack([WIND[day + 1 : day + 6] for day in at])[:, None]
    issued = np.maximum(observed + rng.standard_normal((len(at), 20, 5, 2)), 0.0)
    if case == "every column is constant":
        history[:], future[:], issued[:] = 0.0, 0.0, 0.0
    elif case == "a sensor has been stuck at 0 for two months":
        history[-60:, 0] = 0.0
    elif case == "a sensor was stuck at 0 until two months ago":
        history[:-60, 0] = 0.0
    elif case == "a column of the members is stuck at 0":
        future[:, :, 0] = 0.0
    elif case == "a column of all forecasts is stuck at 0":
        future[:, :, 0], issued[..., 0] = 0.0, 0.0
    elif case == "one member today, 20 in the archive":
        future = future[:1]
    elif case == "two members today, one in the archive":
        future, issued = future[:2], issued[:, :1]
    elif case == "the archive has fewer days":
        issued = issued[:, :, :2]
    elif case == "all members are the same":
        future[:] = future[0]
    archive = ForecastArchive(("a", "b"), START + at * ONE_DAY, issued)
    return Covariates(("a", "b"), START, history, future, archive)


@pytest.mark.parametrize(
    "case",
    [
        "every column is constant",
        "a sensor has been stuck at 0 for two months",
        "a sensor was stuck at 0 until two months ago",
        "a column of the members is stuck at 0",
        "a column of all forecasts is stuck at 0",
        "one member today, 20 in the archive",
        "two members today, one in the archive",
        "the archive has fewer days",
        "all members are the same",
    ],
)
def test_faulty_weather_gives_plausible_paths(case):
    paths = draw(LevelHurdle().fit(SERIES, make_faulty_weather(case)), 28)
    assert paths.max() <= 2 * COUNTS.max()
    weeks = paths.reshape(len(paths), 4, 7).sum(axis=2).mean(axis=0)
    usual = 7 * COUNTS.mean()
    assert (weeks > usual / 3).all() and (weeks < 3 * usual).all()


def test_weather_without_days_ahead_gives_seasonal_forecast():
    paths = draw(fit(WIND, np.empty((1, 0, 2))), 60)
    assert (paths > 0).mean() == pytest.approx((COUNTS > 0).mean(), abs=0.15)


def test_restored_state_gives_the_same_paths():
    fitted = fit(WIND, RNG.gamma(4.0, 2.0, size=(3, 5, 2)))
    values, arrays = fitted.to_state()
    np.testing.assert_array_equal(draw(FittedLevelHurdle.from_state(values, arrays)), draw(fitted))
