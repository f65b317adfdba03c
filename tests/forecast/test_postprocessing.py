"""Members corrected by past errors: against made errors, and with little to learn from."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.covariates import Covariates, ForecastArchive
from forecast.postprocessing import PRIOR_PAIRS, correct_members
from forecast.series import ONE_DAY

START = np.datetime64("2020-01-01")
N, AHEAD, MEMBERS = 900, 4, 20


def made(issues: int, bias: float, spread: float, members: int = MEMBERS) -> Covariates:
    """Members exchangeable with what came, then moved by `bias`, their spread times `spread`."""
    rng = np.random.default_rng(3)
    history = rng.normal(8, 3, size=(N, 2))
    origins = START + np.arange(issues) * 7 * ONE_DAY
    values = np.empty((issues, members, AHEAD, 2))
    for issue in range(issues):
        came = history[issue * 7 + 1 : issue * 7 + 1 + AHEAD]
        signal = came + rng.standard_normal(came.shape)
        values[issue] = signal + bias + spread * rng.standard_normal((members, *came.shape))
    future = 8 + bias + spread * rng.standard_normal((members, AHEAD, 2))
    archive = ForecastArchive(("wind", "gust"), origins, values)
    return Covariates(("wind", "gust"), START, history, future, archive)


def test_a_bias_and_half_a_spread_are_undone() -> None:
    known = made(110, 1.0, 0.5)
    found = correct_members(known)
    moved = found.mean(axis=0) - known.future.mean(axis=0)
    share = 110 / (110 + PRIOR_PAIRS)
    np.testing.assert_allclose(moved, -share, atol=0.35)
    factor = found.std(axis=0) / known.future.std(axis=0)
    assert 1.5 < factor.mean() < 2.2
    ranks = known.future.argsort(axis=0)
    np.testing.assert_array_equal(found.argsort(axis=0), ranks)


def test_good_members_stay_about_as_they_are() -> None:
    known = made(110, 0.0, 1.0)
    np.testing.assert_allclose(correct_members(known), known.future, atol=0.8)


def test_how_many_members_there_are_today_does_not_change_what_the_errors_of_others_teach() -> None:
    known = made(110, 0.0, 0.5, members=3)
    two = Covariates(known.names, START, known.history, known.future[:2], known.archive)
    spread = np.ptp(correct_members(two), axis=0) / np.ptp(two.future, axis=0)
    whole = correct_members(known)
    np.testing.assert_allclose(spread, np.ptp(whole, axis=0) / np.ptp(known.future, axis=0))


def test_before_the_first_pair_members_stay_as_they_are() -> None:
    known = made(0, 1.0, 0.5)
    np.testing.assert_allclose(correct_members(known), known.future)


def test_forecasts_of_days_that_have_not_come_teach_nothing() -> None:
    known = made(3, 1.0, 0.5)
    late = ForecastArchive(known.names, START + (N + np.arange(3)) * ONE_DAY, known.archive.values)  # type: ignore[union-attr]
    moved = Covariates(known.names, known.start, known.history, known.future, late)
    np.testing.assert_allclose(correct_members(moved), known.future)


@pytest.mark.parametrize(("days_before", "teaches"), [(1, True), (2, False)])
def test_a_forecast_counts_if_the_history_has_its_first_day(
    days_before: int, teaches: bool
) -> None:
    known = made(1, 1.0, 0.5)
    assert known.archive is not None
    origins = np.array([START - days_before * ONE_DAY])
    early = ForecastArchive(known.names, origins, known.archive.values)
    moved = Covariates(known.names, START, known.history, known.future, early)
    assert np.array_equal(correct_members(moved), known.future) == (not teaches)


@pytest.mark.parametrize(("issues", "members"), [(40, 40), (5, 1)])
def test_one_member_is_dressed_once_there_are_errors(issues: int, members: int) -> None:
    assert len(correct_members(made(issues, 0.5, 1.0, members=1))) == members


def test_two_members_and_a_stuck_sensor_give_finite_members() -> None:
    known = made(40, 0.5, 1.0, members=2)
    known.history[:, 1] = 0.0
    known.future[:, :, 1] = 0.0
    known.archive.values[..., 1] = 0.0  # type: ignore[union-attr]
    assert np.isfinite(correct_members(known)).all()


def test_bias_and_factor_by_a_slow_loop() -> None:
    """Every lead and column by itself, from the pairs whose day has come; leads may be missing."""
    known = made(30, 0.7, 0.6, members=5)
    archive = known.archive
    assert archive is not None
    short = ForecastArchive(archive.names, archive.origins, archive.values[:, :, :3])
    # The last origins' days have not all come.
    late = Covariates(known.names, START, known.history[: 29 * 7 + 2], known.future, short)
    result = correct_members(late)
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
            members = known.future[:, lead, column]
            expected = members.mean() + bias + min(max(factor, 0.5), 4) * (members - members.mean())
            np.testing.assert_allclose(result[:, lead, column], expected)
