"""Joint forecasts of people and boats, and their random generators."""

import json

import numpy as np
import pytest

from forecast import joint
from forecast.forecasters.base import FitError
from forecast.forecasters.climatology import Climatology
from forecast.serialize import StateError
from forecast.series import ONE_DAY, DailySeries

ORIGIN = np.datetime64("2024-02-28", "D")


def upto_origin(figures, *names):
    return {name: figures[name].upto(ORIGIN) for name in names}


def draw(fitted, horizon=28, n_paths=50):
    return dict(fitted.draw(horizon, n_paths, joint.generator(1, "x", ORIGIN)))


def test_generator_depends_on_seed_model_and_origin():
    def first(seed, model, origin):
        return float(joint.generator(seed, model, origin).random())

    value = first(1, "hurdle", ORIGIN)
    assert value == first(1, "hurdle", ORIGIN)
    others = [
        first(2, "hurdle", ORIGIN),
        first(1, "pool", ORIGIN),
        first(1, "hurdle", ORIGIN + ONE_DAY),
        first(1, "hurdle", np.datetime64("1965-03-01", "D")),  # a negative day number
    ]
    assert len({value, *others}) == 5


def test_people_and_boats_are_drawn_together(figures):
    fitted = joint.fit(Climatology(), upto_origin(figures, "people", "boats"))
    paths, long = draw(fitted), draw(fitted, 401, 5)
    np.testing.assert_array_equal(paths["people"].values == 0, paths["boats"].values == 0)
    for name in ("people", "boats"):
        assert str(paths[name].start) == "2024-02-29"
        assert long[name].values.shape == (5, 401)


def test_first_series_leads(figures):
    assert joint.leading(figures) == "people"
    boats = joint.fit(Climatology(), upto_origin(figures, "boats"))
    assert (boats.series, set(draw(boats, 7, 10))) == ("boats", {"boats"})


def test_series_of_different_days_are_rejected(figures):
    uneven = {"people": figures["people"].upto(ORIGIN), "boats": figures["boats"]}
    with pytest.raises(FitError, match="people and boats must cover the same days"):
        joint.fit(Climatology(), uneven)


def test_other_series_follow_the_first(figures):
    """Whatever their names; a further follower changes no other series, and the state keeps all."""
    people, boats = upto_origin(figures, "people", "boats").values()
    half = DailySeries("lorries", boats.start, boats.values // 2)
    series = {"arrivals": people, "vessels": boats, "lorries": half}
    drawn = {}
    for count in (1, 2, 3):
        fitted = joint.fit(Climatology(), dict(list(series.items())[:count]))
        values, arrays = fitted.to_state()
        restored = joint.Joint.from_state(json.loads(json.dumps(values)), arrays)
        for paths in (draw(fitted), draw(restored)):
            assert list(paths) == list(series)[:count]
            for name in paths:
                expected = drawn.setdefault(name, paths[name].values)
                np.testing.assert_array_equal(paths[name].values, expected)
    assert not np.array_equal(drawn["lorries"], drawn["vessels"])


def test_incomplete_state_is_rejected(figures):
    values, arrays = joint.fit(Climatology(), figures).to_state()
    for key in values:
        rest = {k: v for k, v in values.items() if k != key}
        with pytest.raises(StateError, match=key):
            joint.Joint.from_state(rest, arrays)
    with pytest.raises(StateError):
        joint.Joint.from_state(values, {})


def test_long_horizons_are_drawn_in_steps_of_50_days():
    """So that earlier days do not change when the horizon is extended by a day."""
    expected = {1: 1, 28: 28, 400: 400, 401: 450, 450: 450, 451: 500, 1600: 1600}
    assert {horizon: joint.drawn_days(horizon) for horizon in expected} == expected


@pytest.mark.parametrize("busy", [0, 1, 2, 4])
def test_few_or_no_days_with_boats_can_be_fitted(busy):
    people, boats = np.zeros(400, int), np.zeros(400, int)
    people[100 : 100 + busy], boats[100 : 100 + busy] = 90, 3
    figures = {
        name: DailySeries(name, np.datetime64("2024-01-01"), values)
        for name, values in (("people", people), ("boats", boats))
    }
    paths = joint.fit(Climatology(), figures).draw(28, 50, np.random.default_rng(0))
    people, boats = paths["people"].values, paths["boats"].values
    assert (boats <= people).all()
    assert ((boats > 0) == (people > 0)).all()
