"""Calibrated: estimating the stretch from past forecasts and applying it to totals."""

import statistics

import numpy as np
import pytest

from forecast.calibration import estimate_stretch
from forecast.covariates import Covariates, ForecastArchive
from forecast.forecasters.calibrated import Calibrated, FittedCalibrated
from forecast.forecasters.level_hurdle import LevelHurdle
from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries
from tests.forecast.plain import Constant

START = np.datetime64("2023-01-01")
DAYS = 400
MEAN = 100.0


class LogNormal(Constant):
    """Paths are constant: `MEAN` times a log-normal factor whose width is the value."""

    def simulate(self, horizon, n_paths, rng):
        factor = np.exp(self.value * rng.standard_normal((n_paths, 1)))
        values = np.repeat(np.rint(MEAN * factor), horizon, axis=1)
        return Paths(self.origin + ONE_DAY, values.astype(np.int32))


@pytest.fixture(scope="module")
def series():
    """Weeks of `MEAN` times a log-normal factor of width 0.4."""
    rng = np.random.default_rng(6)
    weeks = np.repeat(np.exp(0.4 * rng.standard_normal(DAYS // 7 + 1)), 7)[-DAYS:]
    return DailySeries("people", START, np.rint(MEAN * weeks).astype(int))


def calibrate(member, **settings):
    defaults = {"origins": 20, "step_days": 7, "window_days": 7, "least_days": 30}
    return Calibrated({"one": member}, **defaults | settings)


def days_fitted(member):
    """Number of days up to the origin of each fit."""
    return [int((day - START).astype(int)) + 1 for day, _ in member.fits]


@pytest.mark.parametrize(
    ("window", "step", "weeks", "prior"),
    [
        (7, 7, [], {}),
        (14, 14, [(0, 7), (7, 14)], {}),
        (17, 17, [(0, 7), (7, 14)], {}),
        (7, 3, [], {"prior_strength": 30.0}),
        (7, 14, [], {"prior_strength": 30.0}),
    ],
)
def test_stretch_matches_plain_loop(series, window, step, weeks, prior):
    """Past totals and those of their weeks are ranked among paths from the origin before them.

    Overlapping windows have less weight.
    """
    fitted = calibrate(LogNormal(0.3), window_days=window, step_days=step, **prior).fit(series)
    scores = []
    for back in range(20):
        n = DAYS - window - step * back  # days up to the origin
        origin = START + (n - 1) * ONE_DAY
        rng = np.random.default_rng([20180101, int(origin.astype(int))])
        factors = np.exp(0.3 * rng.standard_normal((300, 1)))[:, 0]
        for first, last in [(0, window), *weeks]:
            truth = sum(series.values[n + first : n + last].tolist())
            totals = [(last - first) * round(MEAN * f) for f in factors.tolist()]
            below = sum(t < truth for t in totals) + 0.5 * sum(t == truth for t in totals)
            rank = min(max(below / 300, 0.5 / 300), 1 - 0.5 / 300)
            scores.append(statistics.NormalDist().inv_cdf(rank))
    independent, strength = 3 / 7 if step == 3 else 1.0, prior.get("prior_strength", 13.0)
    expected = estimate_stretch(np.array(scores), independent, strength)
    assert fitted.stretch == pytest.approx(expected)
    assert 0.0 < abs(expected) < 0.4, "not bounded"
    assert fitted.window_days == window


def test_past_origins_without_enough_data_are_skipped(series):
    for member, least in ((LogNormal(0.2), 350), (LogNormal(0.2, least_days=350), 30)):
        calibrate(member, least_days=least).fit(series)
        assert days_fitted(member) == [400, 393, 386, 379, 372, 365, 358, 351]


def test_past_origins_without_archived_forecast_are_skipped(series):
    """Origins before a gap in the archive are still used."""
    archived = [DAYS - 7 - 7 * back for back in (5, 3, 0)]  # days up to each origin
    origins = np.array([START + (days - 1) * ONE_DAY for days in archived])
    archive = ForecastArchive(("wind",), origins, np.zeros((3, 2, 7, 1)))
    history, future = np.zeros((DAYS, 1)), np.zeros((2, 7, 1))
    member = LogNormal(0.2)
    calibrate(member).fit(series, Covariates(("wind",), START, history, future, archive))
    assert days_fitted(member) == [DAYS, *reversed(archived)]


def test_narrow_forecasts_are_widened_and_wide_ones_narrowed(series):
    true_width = 0.4
    for width, wider in ((0.2, True), (0.8, False)):
        fitted = calibrate(LogNormal(width), prior_strength=1.0).fit(series)
        assert (fitted.stretch > 0.15) == wider
        assert (fitted.stretch < -0.15) == (not wider)
        totals = fitted.simulate(7, 4_000, np.random.default_rng(1)).values.sum(axis=1)
        spread = float(np.log(np.quantile(totals, 0.9) / np.quantile(totals, 0.1))) / 2.563
        assert abs(np.log(spread / true_width)) < abs(np.log(width / true_width))


def test_each_window_is_stretched_by_one_factor_per_path(series):
    base = LogNormal(0.5).fit(series)
    fitted = FittedCalibrated("one", base, 0.3, 7)
    plain = base.simulate(10, 50, np.random.default_rng(2)).values
    stretched = fitted.simulate(10, 50, np.random.default_rng(2))
    assert stretched.start == series.data_through + ONE_DAY
    for first, last in ((0, 7), (7, 10)):
        totals = plain[:, first:last].sum(axis=1)
        factor = ((totals + 50.0) / (np.median(totals) + 50.0)) ** 0.3
        expected = np.rint(plain[:, first:last] * factor[:, None])
        np.testing.assert_array_equal(stretched.values[:, first:last], np.maximum(expected, 1))


def test_past_fits_have_weather_as_far_ahead_as_now(series):
    history = np.arange(DAYS, dtype=float)[:, None]
    for ahead, expected in ((3, 3), (40, 7)):
        member = LogNormal(0.2)
        calibrate(member).fit(series, Covariates(("w",), START, history, np.zeros((5, ahead, 1))))
        latest = member.fits[0][1]
        assert latest is not None and latest.n_members == 5
        for origin, weather in member.fits[1:]:
            assert weather is not None and weather.data_through == origin
            assert weather.future.shape == (1, expected, 1)
            first = int((origin - START).astype(int)) + 1
            assert weather.future[0, :, 0].tolist() == list(range(first, first + expected))


def test_more_than_one_member_is_rejected():
    with pytest.raises(ValueError, match="expected one member to calibrate, found \\['a', 'b'\\]"):
        Calibrated({"a": LogNormal(0.1), "b": LogNormal(0.1)})


def test_explanation_is_that_of_member(people):
    base = LevelHurdle().fit(people.between("2024-01-01", "2025-06-30"))
    fitted = FittedCalibrated("one", base, 0.3, 28)
    assert fitted.factors == base.factors
    assert fitted.covered_days == 0
    one, two = (f.mean_without({"season"}, 5, 50, np.random.default_rng(1)) for f in (base, fitted))
    np.testing.assert_array_equal(one, two)
    other = FittedCalibrated("one", LogNormal(0.1), 0.0, 7)
    assert other.factors == ()
    assert other.with_weather({1: "rough"}) is other, "the member uses no weather"
