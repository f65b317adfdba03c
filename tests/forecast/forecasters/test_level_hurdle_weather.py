"""The hurdle that reads the weather: what it learns, and drivers that are not as they should be."""

from __future__ import annotations

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


def fit(history: np.ndarray, future: np.ndarray) -> FittedLevelHurdle:  # type: ignore[type-arg]
    names = tuple(f"driver_{k}" for k in range(history.shape[1]))
    return LevelHurdle().fit(SERIES, Covariates(names, START, history, future))


def draw(fitted: FittedLevelHurdle, horizon: int = 20) -> np.ndarray:  # type: ignore[type-arg]
    return fitted.simulate(horizon, 400, np.random.default_rng(1)).values


def test_calm_days_bring_people_and_rough_ones_nobody() -> None:
    future = np.full((1, 4, 2), 5.0)
    future[:, 2:] = 12.0
    busy = (draw(fit(WIND, future)) > 0).mean(axis=0)
    assert busy[:2].min() > 0.8
    assert busy[2:4].max() < 0.2


def test_with_weather_one_long_level_and_one_day_are_remembered() -> None:
    fitted = fit(WIND, np.full((1, 4, 2), 5.0))
    memory = fitted.hyper.memory
    assert (memory.level_half_lives, memory.share_half_lives, memory.lags) == ((60.0,), (), 1)
    level = np.average(COUNTS, weights=0.5 ** (np.arange(N)[::-1] / 60))
    np.testing.assert_allclose(fitted.state, [level, COUNTS[-1]])


@pytest.mark.parametrize("members", [1, 2, 20])
def test_any_number_of_members_gives_sane_paths(members: int) -> None:
    paths = draw(fit(WIND, RNG.gamma(4.0, 2.0, size=(members, 5, 2))), 60)
    assert 0.2 < (paths > 0).mean() < 0.8
    assert paths.max() <= 2 * COUNTS.max()


def test_a_constant_column_changes_little_and_a_stuck_sensor_explodes_nothing() -> None:
    future = RNG.gamma(4.0, 2.0, size=(20, 5, 2))
    plain = draw(fit(WIND, future)).mean()
    constant = np.hstack([WIND, np.full((N, 1), 3.0)])
    told = np.concatenate([future, np.full((20, 5, 1), 7.0)], axis=2)
    assert draw(fit(constant, told)).mean() == pytest.approx(plain, rel=0.1)
    stuck = WIND.copy()
    stuck[-60:, 0] = 0.0
    paths = draw(fit(stuck, np.zeros((20, 5, 2))))
    assert paths.max() <= 2 * COUNTS.max()


def broken(case: str) -> Covariates:
    """Weather of 20 members, and an archive of it, with something wrong."""
    rng = np.random.default_rng(5)
    history, future = WIND.copy(), rng.gamma(4.0, 2.0, size=(20, 5, 2))
    at = np.arange(600, 890, 7)
    came = np.stack([WIND[one + 1 : one + 6] for one in at])[:, None]
    issued = np.maximum(came + rng.standard_normal((len(at), 20, 5, 2)), 0.0)
    if case == "every column is constant":
        history[:], future[:], issued[:] = 0.0, 0.0, 0.0
    elif case == "a sensor is stuck at 0 since two months":
        history[-60:, 0] = 0.0
    elif case == "a sensor was stuck at 0 until two months ago":
        history[:-60, 0] = 0.0
    elif case == "a column of the members is stuck at 0":
        future[:, :, 0] = 0.0
    elif case == "a column of all forecasts is stuck at 0":
        future[:, :, 0], issued[..., 0] = 0.0, 0.0
    elif case == "today one member of 20":
        future = future[:1]
    elif case == "today two members, of one in the archive":
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
        *("every column is constant", "a sensor is stuck at 0 since two months"),
        *("a sensor was stuck at 0 until two months ago", "a column of the members is stuck at 0"),
        *("a column of all forecasts is stuck at 0", "today one member of 20"),
        *("today two members, of one in the archive", "the archive has fewer days"),
        "all members are the same",
    ],
)
def test_weather_that_is_broken_gives_sane_paths(case: str) -> None:
    paths = draw(LevelHurdle().fit(SERIES, broken(case)), 28)
    assert paths.max() <= 2 * COUNTS.max()
    weeks = paths.reshape(len(paths), 4, 7).sum(axis=2).mean(axis=0)
    usual = 7 * COUNTS.mean()
    assert (weeks > usual / 3).all() and (weeks < 3 * usual).all()


def test_no_day_ahead_is_a_forecast_of_the_season() -> None:
    paths = draw(fit(WIND, np.empty((1, 0, 2))), 60)
    assert (paths > 0).mean() == pytest.approx((COUNTS > 0).mean(), abs=0.15)


def test_state_keeps_the_paths() -> None:
    fitted = fit(WIND, RNG.gamma(4.0, 2.0, size=(3, 5, 2)))
    values, arrays = fitted.to_state()
    np.testing.assert_array_equal(draw(FittedLevelHurdle.from_state(values, arrays)), draw(fitted))


def test_earlier_origins_see_the_members_that_were_issued_then() -> None:
    issued = RNG.gamma(4.0, 2.0, size=(3, 2, 5, 2))
    origins = START + np.array([700, 714, 728]) * ONE_DAY
    archive = ForecastArchive(("a", "b"), origins, issued)
    known = Covariates(("a", "b"), START, WIND, WIND[None, :0], archive)
    then = known.as_at(origins[1], 4)
    np.testing.assert_array_equal(then.future, issued[1, :, :4])
    assert then.archive is not None
    assert then.archive.origins.tolist() == origins[:1].tolist()
    assert then.data_through == origins[1]
