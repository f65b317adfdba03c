"""Climatology on a series whose value is the number of its day, so that each draw names its day."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.calendar import MEAN_YEAR
from forecast.forecasters.base import FitError
from forecast.forecasters.climatology import Climatology
from forecast.series import ONE_DAY, DailySeries

START = np.datetime64("2016-03-05", "D")


def numbered(days: int) -> DailySeries:
    return DailySeries("people", START, np.arange(days))


def around_the_year(dates: np.ndarray, day: np.datetime64) -> np.ndarray:
    apart = np.abs((dates - day).astype(float)) % MEAN_YEAR
    return np.minimum(apart, MEAN_YEAR - apart)


def distances(days: int, horizon: int, **parameters: int) -> np.ndarray:
    """Days between the season of each target day and of the day drawn for it."""
    series = numbered(days)
    fitted = Climatology(**parameters).fit(series)
    paths = fitted.simulate(horizon, 300, np.random.default_rng(1))
    return np.array(
        [
            around_the_year(START + paths.values[:, day] * ONE_DAY, target)
            for day, target in enumerate(paths.dates)
        ]
    )


def test_draws_keep_to_their_season() -> None:
    """Within 21 days of the season; a day more, since a year is no whole number of days."""
    apart = distances(2500, 400)
    assert apart.max() <= 22
    assert apart.max() >= 20


def test_draws_use_every_year_and_only_those() -> None:
    paths = Climatology(years=3).fit(numbered(2500)).simulate(60, 500, np.random.default_rng(2))
    target = np.arange(60) + 2500
    years_back = np.rint((target - paths.values) / MEAN_YEAR).astype(int)
    found, counts = np.unique(years_back, return_counts=True)
    assert found.tolist() == [1, 2, 3]
    assert counts.min() > 0.3 * counts.sum()


def test_runs_keep_their_succession() -> None:
    paths = Climatology(block_days=14).fit(numbered(2500))
    values = paths.simulate(100, 200, np.random.default_rng(3)).values
    for path in values.tolist():
        breaks = [day for day in range(1, 100) if path[day] != path[day - 1] + 1]
        assert all(b - a >= 14 for a, b in zip(breaks, breaks[1:], strict=False))
    starts = [next(d for d in range(1, 100) if p[d] != p[d - 1] + 1) for p in values.tolist()]
    assert set(starts) >= set(range(2, 14)), "runs begin on different days in different paths"


@pytest.mark.parametrize("days", [430, 500, 800, 1000])
def test_a_short_past_still_keeps_to_the_season(days: int) -> None:
    """Years that are not there are not drawn from: no day of another season in their place."""
    assert (distances(days, 28) <= 22).mean() > 0.95


def test_a_very_short_past_draws_any_run() -> None:
    fitted = Climatology().fit(numbered(60))
    values = fitted.simulate(400, 50, np.random.default_rng(4)).values
    assert values.max() < 60
    assert (np.diff(values, axis=1) == 1).mean() > 0.8


def test_the_level_scales_every_day() -> None:
    past = np.full(1500, 100)
    past[-90:] = 225
    level = Climatology(scaled=True).fit(DailySeries("people", START, past))
    assert level.scale == pytest.approx(1.5)
    drawn = level.simulate(28, 50, np.random.default_rng(5)).values
    assert set(np.unique(drawn)) == {150}


@pytest.mark.parametrize(
    ("before", "now", "scale"), [(100, 10_000, 3.0), (100, 0, 1 / 3), (0, 50, 1.0)]
)
def test_the_scale_has_its_limits(before: int, now: int, scale: float) -> None:
    past = np.full(1500, before)
    past[-90:] = now
    series = DailySeries("people", START, past)
    assert Climatology(scaled=True).fit(series).scale == pytest.approx(scale)


def test_sixty_days_are_needed() -> None:
    with pytest.raises(FitError, match="60 days, found 59"):
        Climatology().fit(numbered(59))
