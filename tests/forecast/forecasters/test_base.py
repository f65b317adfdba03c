"""What every family promises, asked of each of them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from forecast.forecasters.base import (
    MOST_PEOPLE,
    FitError,
    Fitted,
    Forecaster,
    require_days,
    whole_people,
)
from forecast.paths import Paths
from forecast.serialize import dump, restore
from forecast.series import ONE_DAY, DailySeries
from forecast.specs import FAMILIES, Spec, build

MEMBERS = {
    "pool": {"climatology": 1.0, "hurdle": 2.0},
    "calibrated": {"level_hurdle": 1.0},
}
SPECS = {
    name: Spec(name, name, name, "challenger", members=MEMBERS.get(name, {})) for name in FAMILIES
}


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def forecaster(family: str) -> Forecaster:
    return build(family, SPECS)


@pytest.fixture(scope="module")
def recent(figures: dict[str, DailySeries]) -> DailySeries:
    """Two years and a half, so that fits are quick; it ends on the day before a leap day."""
    return figures["people"].between("2021-09-01", "2024-02-28")


@pytest.fixture(scope="module")
def fitted(forecaster: Forecaster, recent: DailySeries) -> Fitted:
    return forecaster.fit(recent)


def drawn(forecaster: Forecaster, series: DailySeries, horizon: int = 28, n: int = 60) -> Paths:
    return forecaster.fit(series).simulate(horizon, n, np.random.default_rng(7))


def series_of(values: Any, start: str = "2022-01-01") -> DailySeries:
    return DailySeries("people", np.datetime64(start), np.asarray(values))


def test_the_same_seed_gives_the_same_paths_and_the_global_generator_is_left_alone(
    forecaster: Forecaster, fitted: Fitted, recent: DailySeries
) -> None:
    np.random.seed(11)
    expected = np.random.random(3)
    first = fitted.simulate(20, 50, np.random.default_rng(3))
    other = fitted.simulate(20, 50, np.random.default_rng(4))
    np.random.seed(11)
    again = fitted.simulate(20, 50, np.random.default_rng(3))
    refitted = forecaster.fit(recent).simulate(20, 50, np.random.default_rng(3))
    np.testing.assert_array_equal(np.random.random(3), expected)
    np.testing.assert_array_equal(first.values, again.values)
    np.testing.assert_array_equal(first.values, refitted.values)
    assert (first.values != other.values).any()


def test_paths_begin_the_day_after_the_data_and_cross_a_leap_day(fitted: Fitted) -> None:
    paths = fitted.simulate(28, 60, np.random.default_rng(7))
    assert str(paths.start) == "2024-02-29"
    assert (paths.n_paths, paths.horizon) == (60, 28)
    assert paths.values.dtype == np.int32
    assert paths.values.min() >= 0


def test_a_path_of_400_days_stays_sane(fitted: Fitted, recent: DailySeries) -> None:
    paths = fitted.simulate(400, 40, np.random.default_rng(7))
    assert paths.values.shape == (40, 400)
    assert paths.values.max() <= 10 * recent.values.max()
    # A year of these paths and the last year of the figures are of one order.
    last_year = recent.values[-365:].sum()
    assert last_year / 4 < paths.values[:, :365].sum(axis=1).mean() < last_year * 4


def test_one_path_of_one_day(fitted: Fitted) -> None:
    assert fitted.simulate(1, 1, np.random.default_rng(7)).values.shape == (1, 1)


def test_days_after_the_origin_cannot_matter(forecaster: Forecaster, recent: DailySeries) -> None:
    changed = recent.values.copy()
    changed[-60:] = 999
    other = DailySeries(recent.name, recent.start, changed)
    origin = recent.data_through - 60 * ONE_DAY
    one, two = (drawn(forecaster, series.upto(origin)) for series in (recent, other))
    np.testing.assert_array_equal(one.values, two.values)


def test_the_state_survives_json_bit_for_bit(fitted: Fitted) -> None:
    values, arrays = dump(fitted)
    text = json.dumps(values, allow_nan=False)
    kept = {
        name: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape) for name, a in arrays.items()
    }
    assert all(a.dtype.kind in "iuf" for a in arrays.values()), "no objects, so no pickle"
    restored = restore(json.loads(text), kept)
    one, two = (f.simulate(30, 40, np.random.default_rng(5)) for f in (fitted, restored))
    assert one.start == two.start
    np.testing.assert_array_equal(one.values, two.values)
    # Drawing changes nothing of what was learned, nor does a second trip.
    for state in (dump(fitted), dump(restored)):
        assert json.dumps(state[0]) == text
        assert set(state[1]) == set(arrays)
        assert all(np.array_equal(state[1][name], arrays[name]) for name in arrays)


def odd_series() -> dict[str, DailySeries]:
    rng = np.random.default_rng(0)
    quiet = np.where(rng.random(400) < 0.3, rng.poisson(80, 400), 0)
    enormous = quiet.copy()
    enormous[-2] = 1_000_000
    return {
        "all zero": series_of(np.zeros(400, int)),
        "constant": series_of(np.full(400, 7)),
        "one busy day": series_of(np.arange(400) == 390),
        "an enormous day": series_of(enormous),
        "every day huge": series_of(np.full(200, 2_000_000_000)),
        "zero, then busy": series_of(np.r_[np.zeros(380, int), quiet[:20] + 300]),
        "busy, then zero": series_of(np.r_[quiet[:300] + 300, np.zeros(100, int)]),
        "sixty days": series_of(quiet[:60]),
        "a leap day at the end": series_of(quiet[:60], "2024-01-01"),
    }


@pytest.mark.parametrize("kind", sorted(odd_series()))
def test_odd_series_are_declined_or_drawn_sanely(forecaster: Forecaster, kind: str) -> None:
    series = odd_series()[kind]
    try:
        paths = drawn(forecaster, series, horizon=40, n=30)
    except FitError as error:
        assert str(error)
        return
    assert paths.values.shape == (30, 40)
    assert 0 <= paths.values.min() <= paths.values.max() <= MOST_PEOPLE
    if kind == "all zero":
        assert paths.values.mean() < 1
    if kind == "constant":
        assert abs(np.median(paths.values) - 7) <= 1


@pytest.mark.parametrize("days", [1, 2, 13, 27, 28, 59])
def test_short_series_are_declined_or_drawn(forecaster: Forecaster, days: int) -> None:
    series = series_of(np.arange(days) % 5)
    try:
        paths = drawn(forecaster, series, n=10)
    except FitError as error:
        assert str(days) in str(error)
    else:
        assert paths.values.shape == (10, 28)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(40))
def test_random_series_are_declined_or_drawn_sanely(forecaster: Forecaster, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(28, 900))
    values = np.where(rng.random(n) < rng.random(), rng.negative_binomial(1, 0.01, n), 0)
    values[rng.integers(0, n, 3)] *= int(rng.choice([0, 1, 10, 1000]))
    try:
        paths = drawn(forecaster, series_of(values, "2019-11-03"), horizon=60, n=20)
    except FitError:
        return
    assert 0 <= paths.values.min() <= paths.values.max() <= MOST_PEOPLE


def test_require_days() -> None:
    require_days(series_of(np.ones(60, int)), 60, "x")
    with pytest.raises(FitError, match="x needs at least 61 days, found 60"):
        require_days(series_of(np.ones(60, int)), 61, "x")
    much = series_of([*[1] * 59, 12_501])
    with pytest.raises(FitError, match="x takes days of up to 12,500, found 12,501 on 2022-03-01"):
        require_days(much, 60, "x")


def test_whole_people() -> None:
    given = np.array([[-3.0, 0.4, 0.6, 437.2, 1e9]])
    np.testing.assert_array_equal(whole_people(given), [[0, 0, 1, 437, MOST_PEOPLE]])
    for bad in (np.nan, np.inf):
        with pytest.raises(FitError, match="finite"):
            whole_people(np.array([[1.0, bad]]))
