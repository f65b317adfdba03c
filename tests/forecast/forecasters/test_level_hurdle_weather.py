"""LevelHurdle with weather: its memory, and faulty drivers."""

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


def test_memory_with_weather_is_one_long_level_and_one_lag():
    fitted = fit(WIND, np.full((1, 4, 2), 5.0))
    memory = fitted.hyper.memory
    assert (memory.level_half_lives, memory.share_half_lives, memory.lags) == ((60.0,), (), 1)
    level = np.average(COUNTS, weights=0.5 ** (np.arange(N)[::-1] / 60))
    np.testing.assert_allclose(fitted.state, [level, COUNTS[-1]])


EVERYTHING = np.s_[:]


@pytest.mark.parametrize(
    ("stuck", "members", "archived", "days"),
    [
        ({"history": EVERYTHING, "future": EVERYTHING, "issued": EVERYTHING}, 20, 20, 5),
        ({"history": np.s_[-60:, 0]}, 20, 20, 5),
        ({"history": np.s_[:-60, 0]}, 20, 20, 5),
        ({"future": np.s_[:, :, 0]}, 20, 20, 5),
        ({"future": np.s_[:, :, 0], "issued": np.s_[..., 0]}, 20, 20, 5),
        ({"future": EVERYTHING}, 20, 20, 5),
        ({"history": np.s_[-60:, 0], "future": EVERYTHING}, 20, 0, 0),
        *[({}, *counts) for counts in ((1, 20, 5), (2, 1, 5), (20, 20, 2))],
        *[({}, members, 0, 0) for members in (1, 2, 20)],
    ],
)
def test_faulty_or_scant_weather_gives_plausible_paths(stuck, members, archived, days):
    """Sensors stuck at 0, and any number of members, today and in the archive if there is one."""
    rng = np.random.default_rng(5)
    at = np.arange(600, 890, 7)
    observed = np.stack([WIND[day + 1 : day + 1 + days] for day in at])[:, None]
    arrays = {
        "history": WIND.copy(),
        "future": rng.gamma(4.0, 2.0, size=(members, 5, 2)),
        "issued": np.maximum(observed + rng.standard_normal((len(at), archived, days, 2)), 0.0),
    }
    for name, where in stuck.items():
        arrays[name][where] = 0.0
    issued = arrays.pop("issued")
    archive = ForecastArchive(("a", "b"), START + at * ONE_DAY, issued) if archived else None
    weather = Covariates(("a", "b"), START, **arrays, archive=archive)
    paths = draw(LevelHurdle().fit(SERIES, weather), 28)
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
