"""Climatology, on series of day numbers that identify the days drawn."""

import numpy as np
import pytest

from forecast.calendar import MEAN_YEAR
from forecast.forecasters.climatology import Climatology
from forecast.series import ONE_DAY, DailySeries

START = np.datetime64("2016-03-05", "D")


def day_numbers(days):
    return DailySeries("people", START, np.arange(days))


def season_distances(days, horizon):
    """Days between the season of each target day and of the day drawn for it."""
    paths = Climatology().fit(day_numbers(days)).simulate(horizon, 300, np.random.default_rng(1))
    apart = np.abs((START + paths.values * ONE_DAY - paths.dates).astype(float)) % MEAN_YEAR
    return np.minimum(apart, MEAN_YEAR - apart)


def test_draws_are_of_the_season():
    """Within 21 days, and one more since a year is not a whole number of days."""
    distances = season_distances(2500, 400)
    assert 20 <= distances.max() <= 22


def test_draws_use_all_and_only_the_last_years():
    paths = Climatology(years=3).fit(day_numbers(2500)).simulate(60, 500, np.random.default_rng(2))
    target = np.arange(60) + 2500
    years_back = np.rint((target - paths.values) / MEAN_YEAR).astype(int)
    years, counts = np.unique(years_back, return_counts=True)
    assert years.tolist() == [1, 2, 3]
    assert counts.min() > 0.3 * counts.sum()


def test_runs_are_of_consecutive_days():
    fitted = Climatology(block_days=14).fit(day_numbers(2500))
    values = fitted.simulate(100, 200, np.random.default_rng(3)).values
    for path in values.tolist():
        breaks = [day for day in range(1, 100) if path[day] != path[day - 1] + 1]
        assert all(b - a >= 14 for a, b in zip(breaks, breaks[1:], strict=False))
    starts = [next(d for d in range(1, 100) if p[d] != p[d - 1] + 1) for p in values.tolist()]
    assert set(starts) >= set(range(2, 14)), "runs begin on different days in different paths"


@pytest.mark.parametrize("days", [430, 500, 800, 1000])
def test_draws_from_short_series_are_of_the_season(days):
    assert (season_distances(days, 28) <= 22).mean() > 0.95


def test_very_short_series_gives_any_run():
    fitted = Climatology().fit(day_numbers(60))
    values = fitted.simulate(400, 50, np.random.default_rng(4)).values
    assert values.max() < 60
    assert (np.diff(values, axis=1) == 1).mean() > 0.8


@pytest.mark.parametrize(
    ("before", "recent", "scale"),
    [(100, 225, 1.5), (100, 10_000, 3.0), (100, 0, 1 / 3), (0, 50, 1.0)],
)
def test_paths_are_scaled_by_recent_level_within_limits(before, recent, scale):
    values = np.full(1500, before)
    values[-90:] = recent
    fitted = Climatology(scaled=True).fit(DailySeries("people", START, values))
    assert fitted.scale == pytest.approx(scale)
    paths = fitted.simulate(28, 50, np.random.default_rng(5)).values
    assert set(np.unique(paths)) == {round(before * scale)}
