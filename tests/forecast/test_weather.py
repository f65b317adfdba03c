"""Weather as columns: the past, the members, what is beyond them, and what is assumed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecast.covariates import Covariates
from forecast.forecasters.analog import Analog
from forecast.forecasters.calibrated import Calibrated, FittedCalibrated
from forecast.forecasters.level_hurdle import LevelHurdle
from forecast.forecasters.pool import LinearPool
from forecast.forecasters.seasonal_naive import SeasonalNaive
from forecast.joint import Joint, fit
from forecast.series import ONE_DAY, DailySeries
from forecast.weather import SEAS, FittedWeather, WeatherTerms, _begins, _season_runs, season_days

ORIGIN = np.datetime64("2024-12-31")
N = 1096  # three years, to the origin


def waves(days: int, seed: int = 1) -> np.ndarray:  # type: ignore[type-arg]
    """Two drivers that are rough in winter, shape (days, 2)."""
    rng = np.random.default_rng(seed)
    season = np.cos(2 * np.pi * (np.arange(days) - N + 15) / 365.25)
    return 1.5 + season[:, None] + 0.4 * rng.standard_normal((days, 2))


def covariates(ahead: int = 7, value: float = 1.0, members: int = 1) -> Covariates:
    future = np.full((members, ahead, 2), value)
    return Covariates(("wave_m", "wind_kmh"), ORIGIN - (N - 1) * ONE_DAY, waves(N), future)


def fitted(known: Covariates) -> FittedWeather:
    return WeatherTerms().fit(known)[0]


def drawn(weather: FittedWeather, horizon: int = 30, seed: int = 3) -> np.ndarray:  # type: ignore[type-arg]
    """The drivers alone, shape (n_paths, horizon, 2), in standard deviations."""
    return weather.draw(horizon, 400, np.random.default_rng(seed))[:, :, :2]


def test_a_driver_that_never_changed_tells_nothing() -> None:
    known = covariates()
    stuck = known.history.copy()
    stuck[:, 1] = 0.1
    past = WeatherTerms().fit(replace(known, history=stuck))[0].past
    assert past[:, 1] == pytest.approx(0)
    assert past[:, 0].std() == pytest.approx(1, abs=0.05)


def test_a_covered_day_is_what_is_given_and_the_next_is_of_the_season() -> None:
    weather = fitted(covariates(value=0.5))
    told = (0.5 - weather.mean) / weather.sd
    found = drawn(weather)
    np.testing.assert_allclose(found[:, :7], np.broadcast_to(told, (400, 7, 2)))
    beyond = found[:, 7:]
    assert beyond.std(axis=0).min() > 0.2, "never a mean"
    january = weather.past[[n for n in range(N) if (N - 1 - n + 15) % 365 < 30]]
    assert beyond.mean() == pytest.approx(january.mean(), abs=0.3)


def test_each_member_has_its_share_of_the_paths() -> None:
    known = covariates(members=4)
    known.future[:] = np.arange(4)[:, None, None] / 4
    weather = fitted(known)
    values, counts = np.unique(drawn(weather)[:, 0, 0], return_counts=True)
    np.testing.assert_allclose(values, (np.arange(4) / 4 - weather.mean[0]) / weather.sd[0])
    assert counts.tolist() == [100] * 4


def test_seas_are_thirds_of_the_season() -> None:
    past = fitted(covariates()).past
    thirds = [season_days(past, 10, sea) for sea in SEAS]
    together = np.sort(np.concatenate(thirds))
    assert len(np.unique(together)) == len(together)
    assert max(map(len, thirds)) - min(map(len, thirds)) <= 1
    ahead = (N - 1 - together + 10) % 365.25
    assert np.minimum(ahead, 365.25 - ahead).max() <= 46
    alike = sum(row[0] * row[1] for row in past.tolist()) / N
    assert 0.5 < alike < 1
    rough = [[row[0] + alike * row[1] for row in past[third].tolist()] for third in thirds]
    assert max(rough[0]) <= min(rough[1]) <= max(rough[1]) <= min(rough[2])


def test_the_direction_of_the_wind_makes_no_day_rough() -> None:
    """A strong wind from one side is as rough as one from the other."""
    rng = np.random.default_rng(1)
    speed, side = np.abs(rng.standard_normal(N)), rng.choice([-1.0, 1.0], N)
    past = np.column_stack([speed, speed, speed * side])
    past = (past - past.mean(axis=0)) / past.std(axis=0)
    rough = season_days(past, 10, "rough")
    calm = season_days(past, 10, "calm")
    assert speed[rough].min() > 0.8 * speed[calm].max()
    assert 0.4 < (side[rough] > 0).mean() < 0.6


def test_an_assumed_day_is_of_that_sea_and_leaves_the_others_alone() -> None:
    weather = fitted(covariates())
    assumed = replace(weather, assumed={2: "rough", 9: "calm", 300: "calm"})
    assert (weather.covered_days, assumed.covered_days) == (7, 7)
    plain, found = drawn(weather), drawn(assumed)
    others = [day for day in range(30) if day not in (2, 9)]
    np.testing.assert_array_equal(found[:, others], plain[:, others])
    for day, sea in ((2, "rough"), (9, "calm")):
        allowed = {tuple(row) for row in weather.past[season_days(weather.past, day + 1, sea)]}
        assert {tuple(row) for row in found[:, day]} <= allowed
        assert len({tuple(row) for row in found[:, day]}) > 20


def test_what_is_assumed_is_not_kept() -> None:
    weather = replace(fitted(covariates()), assumed={2: "rough"})
    assert FittedWeather.from_state(*weather.to_state()).assumed == {}


def nested(figures: dict[str, DailySeries], known: Covariates | None) -> Joint:
    """A calibrated pool of one who reads the weather and two who do not."""
    pool = LinearPool({"a": LevelHurdle(), "b": Analog(), "c": SeasonalNaive()})
    seen = {name: series.upto(ORIGIN) for name, series in figures.items()}
    return fit(Calibrated({"pool": pool}, origins=1), seen, known)


def test_an_assumption_reaches_through_pools(figures: dict[str, DailySeries]) -> None:
    people = figures["people"].between(ORIGIN - (N - 1) * ONE_DAY, ORIGIN).values
    known = covariates()
    known.history[:, 0] = np.where(people > 0, 0.5, 2.0)  # nobody comes through high waves
    joint = nested(figures, known)
    assert joint.covered_days == 7
    means = {
        sea: joint.with_weather({12: sea}).draw(14, 300, np.random.default_rng(1))["people"].mean()
        for sea in SEAS
    }
    assert means["calm"][12] > 2 * means["rough"][12]
    np.testing.assert_array_equal(means["calm"][:7], means["rough"][:7])


def test_days_before_the_first_that_is_assumed_stay_as_they_are(
    figures: dict[str, DailySeries],
) -> None:
    """In every path, of people and boats, whichever member drew it."""
    joint = nested(figures, covariates())
    assert isinstance(joint.fitted, FittedCalibrated)
    joint = replace(joint, fitted=replace(joint.fitted, stretch=0.3))
    plain = joint.draw(40, 300, np.random.default_rng(1))
    for assumed in ({3: "rough"}, {20: "calm"}, {12: "calm", 13: "calm", 30: "rough"}):
        found = joint.with_weather(assumed).draw(40, 300, np.random.default_rng(1))
        first = min(assumed)
        for name, paths in found.items():
            np.testing.assert_array_equal(paths.values[:, :first], plain[name].values[:, :first])
        changed = (found["people"].values != plain["people"].values).mean(axis=0)
        assert all(changed[day] > 0.1 for day in assumed)


def test_without_weather_an_assumption_changes_nothing(figures: dict[str, DailySeries]) -> None:
    joint = nested(figures, None)
    assert joint.covered_days == 0
    draws = [
        one.draw(7, 50, np.random.default_rng(1))["people"].values
        for one in (joint, joint.with_weather({1: "rough"}))
    ]
    np.testing.assert_array_equal(*draws)


def test_columns_by_a_slow_loop() -> None:
    terms = WeatherTerms()
    days = np.random.default_rng(8).normal(0, 1.5, size=(6, 3))
    table = terms.columns(days)
    assert table.shape == (6, terms.width(3))
    assert [WeatherTerms().width(k) for k in (1, 2, 3, 4)] == [4, 9, 15, 22]
    for day, row in enumerate(table):
        now = days[day].tolist()
        yesterday = days[day - 1].tolist() if day else [0.0] * 3
        expected = [
            *now,
            *(value**2 - 1 for value in now),
            *(max(-0.5 - value, 0.0) for value in now),
            *(now[i] * now[j] for i, j in ((0, 1), (0, 2), (1, 2))),
            *yesterday,
        ]
        np.testing.assert_allclose(row, expected, atol=1e-12)


def test_runs_beyond_the_members_are_of_the_season_and_consecutive() -> None:
    """Past weather that is its own day's number tells which day was drawn."""
    n, horizon, paths = 5 * 366, 90, 300
    past = np.arange(n, dtype=float)[:, None]
    given = np.full((paths, 2, 1), n - 366.0)
    runs = _season_runs(past, horizon, paths, np.random.default_rng(9), given)[:, :, 0]
    assert runs.shape == (paths, horizon - 2)
    for begin in range(0, horizon - 2, 21):
        run = runs[:, begin : begin + 21]
        np.testing.assert_array_equal(np.diff(run, axis=1), 1)
        # Day h ahead is past day n - 1 + h; a run begins on its day of another year, 20 days about.
        years_back = (n - 1 + 3 + begin - run[:, 0]) / 365.2425
        assert np.abs((years_back - np.rint(years_back)) * 365.2425).max() <= 21
        assert years_back.min() > 0.9
        assert set(np.rint(years_back)) >= ({1, 2, 3, 4} if begin else {1})


@pytest.mark.parametrize(
    ("n", "ahead", "years"),
    [
        (1781, 325, {1, 2, 3, 4, 5}),  # the last day of the run and 20 more are the 365th ahead
        (1781, 326, {2, 3, 4, 5}),
        (1461, 20, {1, 2, 3}),  # 20 days before it is day 1460: no whole four years
        (1462, 20, {1, 2, 3, 4}),
    ],
)
def test_a_run_begins_in_years_that_hold_it_and_20_days_on_either_side(
    n: int, ahead: int, years: set[int]
) -> None:
    begin = _begins(n, ahead, 21, (4000, 1), np.random.default_rng(1))
    assert set(np.rint((n - 1 + ahead - begin[:, 0]) / 365.2425).astype(int)) == years
    assert 0 <= begin.min() <= begin.max() <= n - 21


def test_the_first_run_joins_the_last_given_day() -> None:
    """Of eight candidates the one that begins behind the most similar day is drawn."""
    rng = np.random.default_rng(10)
    past = rng.normal(size=(4 * 366, 2))
    joins, anyhow = [], []
    for value in (-1.5, 1.5):
        given = np.full((400, 3, 2), value)
        first = _season_runs(past, 40, 400, np.random.default_rng(11), given)[:, 0]
        at = {tuple(day): index for index, day in enumerate(past.tolist())}
        behind = np.array([past[at[tuple(day)] - 1] for day in first.tolist()])
        joins.append(np.linalg.norm(behind - value, axis=1).mean())
        anyhow.append(np.linalg.norm(past - value, axis=1).mean())
    assert np.mean(joins) < 0.6 * np.mean(anyhow)


def test_without_a_given_day_the_first_run_joins_the_last_of_the_past() -> None:
    past = np.zeros((4 * 366, 1))
    past[::2] = 5.0
    past[-1] = 5.0
    runs = _season_runs(past, 3, 200, np.random.default_rng(12), np.empty((200, 0, 1)))
    assert (runs[:, 0] == 0.0).mean() > 0.95, "behind a 5 comes a 0, but for the last day"


def test_a_season_is_45_days_on_either_side() -> None:
    past = np.random.default_rng(13).normal(size=(3 * 366, 1))
    ahead = 40
    together = np.sort(np.concatenate([season_days(past, ahead, sea) for sea in SEAS]))
    slow = []
    for day in range(len(past)):
        gap = (len(past) - 1 - day + ahead) % 365.2425
        if min(gap, 365.2425 - gap) <= 45:
            slow.append(day)
    assert together.tolist() == slow
