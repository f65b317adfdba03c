"""Correction of ensemble members by past errors."""

from dataclasses import replace

import numpy as np
import pytest

from forecast.covariates import Covariates, ForecastArchive
from forecast.postprocessing import PRIOR_PAIRS, correct_members
from forecast.series import ONE_DAY

START = np.datetime64("2020-01-01")
N, AHEAD, MEMBERS = 900, 4, 20


def make_weather(issues, bias, spread, members=MEMBERS):
    """Members exchangeable with observations except for `bias` and a factor `spread`."""
    rng = np.random.default_rng(3)
    history = rng.normal(8, 3, size=(N, 2))
    origins = START + np.arange(issues) * 7 * ONE_DAY
    values = np.empty((issues, members, AHEAD, 2))
    for issue in range(issues):
        observed = history[issue * 7 + 1 : issue * 7 + 1 + AHEAD]
        signal = observed + rng.standard_normal(observed.shape)
        values[issue] = signal + bias + spread * rng.standard_normal((members, *observed.shape))
    future = 8 + bias + spread * rng.standard_normal((members, AHEAD, 2))
    archive = ForecastArchive(("wind", "gust"), origins, values)
    return Covariates(("wind", "gust"), START, history, future, archive), archive


def test_spread_factor_does_not_depend_on_number_of_members_today():
    three, _ = make_weather(110, 0.0, 0.5, members=3)
    two = replace(three, future=three.future[:2])
    factors = [
        np.ptp(correct_members(weather), axis=0) / np.ptp(weather.future, axis=0)
        for weather in (two, three)
    ]
    np.testing.assert_allclose(*factors)


def test_members_are_unchanged_without_past_forecasts():
    weather, _ = make_weather(0, 1.0, 0.5)
    np.testing.assert_allclose(correct_members(weather), weather.future)


@pytest.mark.parametrize(
    ("origin", "used"), [(-1, True), (-2, False), (N - 2, True), (N - 1, False)]
)
def test_past_forecast_is_used_if_history_has_its_first_day(origin, used):
    weather, archive = make_weather(1, 1.0, 0.5)
    moved = replace(archive, origins=np.array([START + origin * ONE_DAY]))
    corrected = correct_members(replace(weather, archive=moved))
    assert np.array_equal(corrected, weather.future) == (not used)


@pytest.mark.parametrize(("issues", "members"), [(40, 40), (5, 1)])
def test_single_member_is_dressed_with_past_errors(issues, members):
    weather, _ = make_weather(issues, 0.5, 1.0, members=1)
    assert len(correct_members(weather)) == members


def test_two_members_and_stuck_sensor_give_finite_members():
    weather, archive = make_weather(40, 0.5, 1.0, members=2)
    weather.history[:, 1] = 0.0
    weather.future[:, :, 1] = 0.0
    archive.values[..., 1] = 0.0
    assert np.isfinite(correct_members(weather)).all()


def test_bias_and_factor_match_plain_loop():
    """Per lead and column, from forecasts whose day was observed; leads may be missing."""
    weather, archive = make_weather(30, 0.7, 0.6, members=5)
    short = replace(archive, values=archive.values[:, :, :3])
    # Not all days of the last origins have been observed.
    late = replace(weather, history=weather.history[: 29 * 7 + 2], archive=short)
    corrected = correct_members(late)
    for lead in range(AHEAD):
        for column in range(2):
            errors, spreads = [], []
            for issue in range(30):
                day = issue * 7 + 1 + lead
                if lead < 3 and day < len(late.history):
                    members = archive.values[issue, :, lead, column].tolist()
                    mean = sum(members) / 5
                    errors.append(late.history[day, column] - mean)
                    spreads.append(sum((m - mean) ** 2 for m in members) / 4)
            n = len(errors)
            bias = sum(errors) / (n + PRIOR_PAIRS)
            squares = sum((error - bias) ** 2 for error in errors)
            ratio = squares / (sum(spreads) * (1 + 1 / 5)) if n else 1.0
            factor = ((PRIOR_PAIRS + n * ratio) / (PRIOR_PAIRS + n)) ** 0.5
            members = weather.future[:, lead, column]
            expected = members.mean() + bias + min(max(factor, 0.5), 4) * (members - members.mean())
            np.testing.assert_allclose(corrected[:, lead, column], expected)
