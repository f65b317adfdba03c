"""Weather terms: past drivers, ensemble members, days beyond them and assumed seas."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.covariates import Covariates
from forecast.forecasters.analog import Analog
from forecast.forecasters.calibrated import Calibrated, FittedCalibrated
from forecast.forecasters.level_hurdle import LevelHurdle
from forecast.forecasters.pool import LinearPool
from forecast.forecasters.seasonal_naive import SeasonalNaive
from forecast.joint import fit
from forecast.series import ONE_DAY
from forecast.weather import SEAS, FittedWeather, WeatherTerms, _begins, _season_runs, season_days

ORIGIN = np.datetime64("2024-12-31")
N = 1096  # three years, to the origin


def waves(days, seed=1):
    """Two drivers that are rough in winter, shape (days, 2)."""
    rng = np.random.default_rng(seed)
    season = np.cos(2 * np.pi * (np.arange(days) - N + 15) / 365.25)
    return 1.5 + season[:, None] + 0.4 * rng.standard_normal((days, 2))


def covariates(ahead=7, value=1.0, members=1):
    future = np.full((members, ahead, 2), value)
    return Covariates(("wave_m", "wind_kmh"), ORIGIN - (N - 1) * ONE_DAY, waves(N), future)


def fit_weather(covariates):
    return WeatherTerms().fit(covariates)[0]


def draw_drivers(weather):
    """Two drivers in standard deviations, shape (400, 30, 2)."""
    return weather.draw(30, 400, np.random.default_rng(3))[:, :, :2]


def test_constant_driver_has_no_effect():
    history = waves(N)
    history[:, 1] = 0.1
    weather = fit_weather(replace(covariates(value=7.0), history=history))
    assert weather.past[:, 1] == pytest.approx(0)
    assert weather.future[0, :, 1] == pytest.approx(0)
    assert weather.past[:, 0].std() == pytest.approx(1, abs=0.05)


def test_covered_days_are_as_given_and_later_days_are_seasonal():
    weather = fit_weather(covariates(value=0.5))
    given = (0.5 - weather.mean) / weather.sd
    drivers = draw_drivers(weather)
    np.testing.assert_allclose(drivers[:, :7], np.broadcast_to(given, (400, 7, 2)))
    beyond = drivers[:, 7:]
    assert beyond.std(axis=0).min() > 0.2, "days vary between paths"
    january = weather.past[[n for n in range(N) if (N - 1 - n + 15) % 365 < 30]]
    assert beyond.mean() == pytest.approx(january.mean(), abs=0.3)


def test_members_have_equal_shares_of_paths():
    four = covariates(members=4)
    four.future[:] = np.arange(4)[:, None, None] / 4
    weather = fit_weather(four)
    values, counts = np.unique(draw_drivers(weather)[:, 0, 0], return_counts=True)
    np.testing.assert_allclose(values, (np.arange(4) / 4 - weather.mean[0]) / weather.sd[0])
    assert counts.tolist() == [100] * 4


def test_seas_are_equal_thirds_of_the_season_by_roughness():
    """Within 45 days of the season; each driver weighs as much as it goes with the first."""
    past = np.random.default_rng(13).normal(size=(3 * 366, 3)) @ [[1, 0.5, 0], [0, 1, 0], [0, 0, 1]]
    ahead, rows = 40, past.tolist()
    weights = [sum(row[0] * row[k] for row in rows) for k in range(3)]
    season = []
    for day, row in enumerate(rows):
        gap = (len(rows) - 1 - day + ahead) % 365.2425
        if min(gap, 365.2425 - gap) <= 45:
            season.append((sum(w * v for w, v in zip(weights, row, strict=True)), day))
    thirds = [season_days(past, ahead, sea).tolist() for sea in SEAS]
    assert sum(thirds, []) == [day for _, day in sorted(season)]
    assert max(map(len, thirds)) - min(map(len, thirds)) <= 1


def test_assumed_day_is_drawn_from_its_sea_and_others_are_unchanged():
    weather = fit_weather(covariates())
    assumed = replace(weather, assumed={2: "rough", 9: "calm", 300: "calm"})
    assert (weather.covered_days, assumed.covered_days) == (7, 7)
    plain, drivers = draw_drivers(weather), draw_drivers(assumed)
    others = [day for day in range(30) if day not in (2, 9)]
    np.testing.assert_array_equal(drivers[:, others], plain[:, others])
    for day, sea in ((2, "rough"), (9, "calm")):
        allowed = {tuple(row) for row in weather.past[season_days(weather.past, day + 1, sea)]}
        rows = {tuple(row) for row in drivers[:, day]}
        assert rows <= allowed
        assert len(rows) > 20


def test_assumptions_are_not_part_of_state():
    weather = replace(fit_weather(covariates()), assumed={2: "rough"})
    assert FittedWeather.from_state(*weather.to_state()).assumed == {}


def fit_nested(figures, covariates):
    """A calibrated pool of one member with weather and two without."""
    pool = LinearPool({"a": LevelHurdle(), "b": Analog(), "c": SeasonalNaive()})
    seen = {name: series.upto(ORIGIN) for name, series in figures.items()}
    return fit(Calibrated({"pool": pool}, origins=1), seen, covariates)


def test_assumptions_reach_members_of_pools(figures):
    people = figures["people"].between(ORIGIN - (N - 1) * ONE_DAY, ORIGIN).values
    weather = covariates()
    weather.history[:, 0] = np.where(people > 0, 0.5, 2.0)  # nobody arrives in high waves
    joint = fit_nested(figures, weather)
    assert joint.covered_days == 7
    means = {
        sea: joint.with_weather({12: sea}).draw(14, 300, np.random.default_rng(1))["people"].mean()
        for sea in SEAS
    }
    assert means["calm"][12] > 2 * means["rough"][12]
    np.testing.assert_array_equal(means["calm"][:7], means["rough"][:7])


def test_days_before_first_assumed_day_are_unchanged(figures):
    joint = fit_nested(figures, covariates())
    assert isinstance(joint.fitted, FittedCalibrated)
    joint = replace(joint, fitted=replace(joint.fitted, stretch=0.3))
    plain = joint.draw(40, 300, np.random.default_rng(1))
    for assumed in ({3: "rough"}, {20: "calm"}, {12: "calm", 13: "calm", 30: "rough"}):
        changed = joint.with_weather(assumed).draw(40, 300, np.random.default_rng(1))
        first = min(assumed)
        for name, paths in changed.items():
            np.testing.assert_array_equal(paths.values[:, :first], plain[name].values[:, :first])
        share = (changed["people"].values != plain["people"].values).mean(axis=0)
        assert all(share[day] > 0.1 for day in assumed)


def test_assumptions_change_nothing_in_fit_without_weather(figures):
    joint = fit_nested(figures, None)
    assert joint.covered_days == 0
    draws = [
        fitted.draw(7, 50, np.random.default_rng(1))["people"].values
        for fitted in (joint, joint.with_weather({1: "rough"}))
    ]
    np.testing.assert_array_equal(*draws)


def test_columns_match_plain_loop():
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


def test_runs_beyond_members_are_seasonal_and_consecutive():
    n, horizon, paths = 5 * 366, 90, 300
    past = np.arange(n, dtype=float)[:, None]  # each value identifies its day
    given = np.full((paths, 2, 1), n - 366.0)
    runs = _season_runs(past, horizon, paths, np.random.default_rng(9), given)[:, :, 0]
    assert runs.shape == (paths, horizon - 2)
    for begin in range(0, horizon - 2, 21):
        run = runs[:, begin : begin + 21]
        np.testing.assert_array_equal(np.diff(run, axis=1), 1)
        # Day h ahead is past day n - 1 + h; a run begins within 20 days of it in another year.
        years_back = (n - 1 + 3 + begin - run[:, 0]) / 365.2425
        assert np.abs((years_back - np.rint(years_back)) * 365.2425).max() <= 21
        assert years_back.min() > 0.9
        assert set(np.rint(years_back)) >= ({1, 2, 3, 4} if begin else {1})


@pytest.mark.parametrize(
    ("n", "ahead", "years"),
    [
        (1781, 325, {1, 2, 3, 4, 5}),  # 20 days after the end of the run is day 365 ahead
        (1781, 326, {2, 3, 4, 5}),
        (1461, 20, {1, 2, 3}),  # 20 days earlier is day 1460: less than four years
        (1462, 20, {1, 2, 3, 4}),
    ],
)
def test_runs_begin_in_years_with_20_days_of_margin_either_side(n, ahead, years):
    begin = _begins(n, ahead, 21, (4000, 1), np.random.default_rng(1))
    assert set(np.rint((n - 1 + ahead - begin[:, 0]) / 365.2425).astype(int)) == years
    assert 0 <= begin.min() <= begin.max() <= n - 21


def test_first_run_follows_day_like_last_given_day():
    """Of eight candidate runs, the one that follows the most similar day is drawn."""
    rng = np.random.default_rng(10)
    past = rng.normal(size=(4 * 366, 2))
    chosen, average = [], []
    for value in (-1.5, 1.5):
        given = np.full((400, 3, 2), value)
        first = _season_runs(past, 40, 400, np.random.default_rng(11), given)[:, 0]
        at = {tuple(day): index for index, day in enumerate(past.tolist())}
        before = np.array([past[at[tuple(day)] - 1] for day in first.tolist()])
        chosen.append(np.linalg.norm(before - value, axis=1).mean())
        average.append(np.linalg.norm(past - value, axis=1).mean())
    assert np.mean(chosen) < 0.6 * np.mean(average)


def test_first_run_without_given_days_follows_day_like_last_past_day():
    past = np.zeros((4 * 366, 1))
    past[::2] = 5.0
    past[-1] = 5.0
    runs = _season_runs(past, 3, 200, np.random.default_rng(12), np.empty((200, 0, 1)))
    assert (runs[:, 0] == 0.0).mean() > 0.95, "every 5 but the last is followed by a 0"
