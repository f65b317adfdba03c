"""Properties that every model family must have."""

import json
from dataclasses import replace

import numpy as np
import pytest

from forecast.forecasters.base import MOST_PEOPLE, FitError, require_days, whole_people
from forecast.serialize import dump, restore
from forecast.series import ONE_DAY, DailySeries
from forecast.specs import FAMILIES, Spec, build

MEMBERS = {
    "pool": {"climatology": 1.0, "hurdle": 2.0},
    "calibrated": {"level_hurdle": 1.0},
}
MINIMUM_DAYS = {"analog": 116, "seasonal_naive": 28}  # 60 in the other families
SPECS = {
    name: Spec(name, name, name, "challenger", members=MEMBERS.get(name, {})) for name in FAMILIES
}


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def family(request):
    return str(request.param)


@pytest.fixture(scope="module")
def forecaster(family):
    return build(family, SPECS)


@pytest.fixture(scope="module")
def recent(figures):
    """Two and a half years, for quick fits; ends on the day before a leap day."""
    return figures["people"].between("2021-09-01", "2024-02-28")


@pytest.fixture(scope="module")
def fitted(forecaster, recent):
    return forecaster.fit(recent)


def simulate(forecaster, series, horizon=28, n=60):
    return forecaster.fit(series).simulate(horizon, n, np.random.default_rng(7))


def make_series(values, start="2022-01-01"):
    return DailySeries("people", np.datetime64(start), np.asarray(values))


def test_paths_depend_on_seed_not_on_global_generator(forecaster, fitted, recent):
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


def test_paths_begin_day_after_data(fitted):
    paths = fitted.simulate(28, 60, np.random.default_rng(7))
    assert str(paths.start) == "2024-02-29"
    assert (paths.n_paths, paths.horizon) == (60, 28)
    assert paths.values.dtype == np.int32
    assert paths.values.min() >= 0


def test_paths_of_400_days_stay_plausible(fitted, recent):
    paths = fitted.simulate(400, 40, np.random.default_rng(7))
    assert paths.values.shape == (40, 400)
    assert paths.values.max() <= 10 * recent.values.max()
    # A simulated year is of the order of magnitude of the last year of data.
    last_year = recent.values[-365:].sum()
    assert last_year / 4 < paths.values[:, :365].sum(axis=1).mean() < last_year * 4


def test_one_path_of_one_day(fitted):
    assert fitted.simulate(1, 1, np.random.default_rng(7)).values.shape == (1, 1)


def test_state_round_trips_through_json(fitted):
    values, arrays = dump(fitted)
    text = json.dumps(values, allow_nan=False)
    stored = {
        name: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape) for name, a in arrays.items()
    }
    assert all(a.dtype.kind in "iuf" for a in arrays.values()), "none that would need pickle"
    restored = restore(json.loads(text), stored)
    one, two = (f.simulate(30, 40, np.random.default_rng(5)) for f in (fitted, restored))
    assert one.start == two.start
    np.testing.assert_array_equal(one.values, two.values)
    # Neither simulating nor restoring changes the state.
    for state in (dump(fitted), dump(restored)):
        assert json.dumps(state[0]) == text
        assert set(state[1]) == set(arrays)
        assert all(np.array_equal(state[1][name], arrays[name]) for name in arrays)


@pytest.mark.parametrize("windowed", ["prophet", "sarimax"])
def test_only_the_window_is_fitted(windowed, recent):
    forecaster = replace(build(windowed, SPECS), window_days=200)
    values = np.where(recent.dates > recent.data_through - 200 * ONE_DAY, recent.values, 0)
    one, two = (
        simulate(forecaster, series, 5, 20).values
        for series in (recent, make_series(values, recent.start))
    )
    np.testing.assert_array_equal(one, two)


def make_unusual_series():
    rng = np.random.default_rng(0)
    quiet = np.where(rng.random(400) < 0.3, rng.poisson(80, 400), 0)
    enormous = quiet.copy()
    enormous[-2] = 1_000_000
    return {
        "all zero": make_series(np.zeros(400, int)),
        "constant": make_series(np.full(400, 7)),
        "one busy day": make_series(np.arange(400) == 390),
        "an enormous day": make_series(enormous),
        "every day huge": make_series(np.full(200, 2_000_000_000)),
        "zero, then busy": make_series(np.r_[np.zeros(380, int), quiet[:20] + 300]),
        "busy, then zero": make_series(np.r_[quiet[:300] + 300, np.zeros(100, int)]),
        "sixty days to a leap day": make_series(quiet[:60], "2024-01-01"),
    }


@pytest.mark.parametrize("kind", sorted(make_unusual_series()))
def test_unusual_series_give_plausible_paths_or_fit_error(forecaster, kind):
    series = make_unusual_series()[kind]
    try:
        paths = simulate(forecaster, series, horizon=40, n=30)
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
def test_series_below_minimum_length_are_rejected(family, forecaster, days):
    series = make_series(np.arange(days) % 5)
    minimum = MINIMUM_DAYS.get(family, 60)
    if days >= minimum:
        assert simulate(forecaster, series, n=10).values.shape == (10, 28)
        return
    with pytest.raises(FitError, match=f"at least {minimum} days, found {days}"):
        forecaster.fit(series)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(40))
def test_random_series_give_plausible_paths_or_fit_error(forecaster, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(28, 900))
    values = np.where(rng.random(n) < rng.random(), rng.negative_binomial(1, 0.01, n), 0)
    values[rng.integers(0, n, 3)] *= int(rng.choice([0, 1, 10, 1000]))
    try:
        paths = simulate(forecaster, make_series(values, "2019-11-03"), horizon=60, n=20)
    except FitError:
        return
    assert 0 <= paths.values.min() <= paths.values.max() <= MOST_PEOPLE


def test_require_days():
    require_days(make_series(np.ones(60, int)), 60, "x")
    with pytest.raises(FitError, match="x needs at least 61 days, found 60"):
        require_days(make_series(np.ones(60, int)), 61, "x")
    require_days(make_series([*[1] * 59, 12_500]), 60, "x")
    with pytest.raises(FitError, match="x accepts counts of up to 12,500 a day, found 12,501 on 2"):
        require_days(make_series([*[1] * 59, 12_501]), 60, "x")


def test_whole_people():
    values = np.array([[-3.0, 0.4, 0.6, 437.2, 1e9]])
    np.testing.assert_array_equal(whole_people(values), [[0, 0, 1, 437, MOST_PEOPLE]])
    for bad in (np.nan, np.inf):
        with pytest.raises(FitError, match="finite"):
            whole_people(np.array([[1.0, bad]]))
