"""People and boats of one path, and generators that do not depend on each other."""

from __future__ import annotations

import json

import numpy as np
import pytest

from forecast import joint
from forecast.forecasters.base import FitError
from forecast.forecasters.climatology import Climatology
from forecast.serialize import StateError
from forecast.series import ONE_DAY, DailySeries

ORIGIN = np.datetime64("2024-02-28", "D")


def test_a_generator_has_its_seed_its_model_and_its_origin() -> None:
    def first(seed: int, model: str, origin: np.datetime64) -> float:
        return float(joint.generator(seed, model, origin).random())

    given = first(1, "hurdle", ORIGIN)
    assert given == first(1, "hurdle", ORIGIN)
    others = [
        first(2, "hurdle", ORIGIN),
        first(1, "pool", ORIGIN),
        first(1, "hurdle", ORIGIN + ONE_DAY),
    ]
    assert len({given, *others}) == 4


def test_days_before_1970_have_a_generator_too() -> None:
    joint.generator(1, "hurdle", np.datetime64("1965-03-01", "D")).random()


def test_people_and_boats_come_from_one_path(figures: dict[str, DailySeries]) -> None:
    seen = {name: series.upto(ORIGIN) for name, series in figures.items()}
    fitted = joint.fit(Climatology(), seen)
    drawn = fitted.draw(28, 100, joint.generator(1, "climatology", ORIGIN))
    assert set(drawn) == {"people", "boats"}
    np.testing.assert_array_equal(drawn["people"].values == 0, drawn["boats"].values == 0)
    again = fitted.draw(28, 100, joint.generator(1, "climatology", ORIGIN))
    for name in drawn:
        np.testing.assert_array_equal(drawn[name].values, again[name].values)
        assert str(drawn[name].start) == "2024-02-29"
        assert joint.drawn_days(401) > 401
        assert fitted.draw(401, 5, joint.generator(1, "x", ORIGIN))[name].values.shape == (5, 401)


def test_the_people_are_the_same_with_and_without_boats(figures: dict[str, DailySeries]) -> None:
    people = {"people": figures["people"].upto(ORIGIN)}
    alone = joint.fit(Climatology(), people).draw(28, 50, joint.generator(1, "x", ORIGIN))
    both = {name: series.upto(ORIGIN) for name, series in figures.items()}
    together = joint.fit(Climatology(), both).draw(28, 50, joint.generator(1, "x", ORIGIN))
    assert set(alone) == {"people"}
    np.testing.assert_array_equal(alone["people"].values, together["people"].values)


def test_boats_alone_lead_themselves(figures: dict[str, DailySeries]) -> None:
    boats = {"boats": figures["boats"].upto(ORIGIN)}
    assert joint.leading(boats) == "boats"
    assert joint.leading(figures) == "people"
    drawn = joint.fit(Climatology(), boats).draw(7, 10, joint.generator(1, "x", ORIGIN))
    assert set(drawn) == {"boats"}


def test_boats_that_do_not_match_are_declined(figures: dict[str, DailySeries]) -> None:
    uneven = {"people": figures["people"].upto(ORIGIN), "boats": figures["boats"]}
    with pytest.raises(FitError, match="people and boats must cover the same days"):
        joint.fit(Climatology(), uneven)


def test_each_other_series_follows_the_first(figures: dict[str, DailySeries]) -> None:
    """Whatever their names; a second follower changes neither the leading one nor the first."""
    people, boats = (figures[name].upto(ORIGIN) for name in ("people", "boats"))
    half = DailySeries("lorries", boats.start, boats.values // 2)
    two = joint.fit(Climatology(), {"arrivals": people, "vessels": boats})
    three = joint.fit(Climatology(), {"arrivals": people, "vessels": boats, "lorries": half})
    named = joint.fit(Climatology(), {"people": people, "boats": boats})
    drawn = [f.draw(7, 50, joint.generator(1, "x", ORIGIN)) for f in (named, two, three)]
    assert [list(each) for each in drawn[1:]] == [
        ["arrivals", "vessels"],
        ["arrivals", "vessels", "lorries"],
    ]
    for each in drawn[1:]:
        np.testing.assert_array_equal(each["arrivals"].values, drawn[0]["people"].values)
        np.testing.assert_array_equal(each["vessels"].values, drawn[0]["boats"].values)
    restored = joint.Joint.from_state(*three.to_state())
    again = restored.draw(7, 50, joint.generator(1, "x", ORIGIN))
    np.testing.assert_array_equal(again["lorries"].values, drawn[2]["lorries"].values)
    assert not np.array_equal(again["lorries"].values, again["vessels"].values)


@pytest.mark.parametrize("names", [["people", "boats"], ["boats"]])
def test_the_state_survives_json_bit_for_bit(
    figures: dict[str, DailySeries], names: list[str]
) -> None:
    fitted = joint.fit(Climatology(), {name: figures[name].upto(ORIGIN) for name in names})
    values, arrays = fitted.to_state()
    restored = joint.Joint.from_state(json.loads(json.dumps(values)), arrays)
    one, two = (f.draw(28, 40, joint.generator(1, "x", ORIGIN)) for f in (fitted, restored))
    assert set(one) == set(two) == set(names)
    for name in names:
        np.testing.assert_array_equal(one[name].values, two[name].values)


def test_a_state_of_another_form_is_refused(figures: dict[str, DailySeries]) -> None:
    values, arrays = joint.fit(Climatology(), figures).to_state()
    for key in values:
        rest = {k: v for k, v in values.items() if k != key}
        with pytest.raises(StateError, match=key):
            joint.Joint.from_state(rest, arrays)
    with pytest.raises(StateError):
        joint.Joint.from_state(values, {})


def test_far_horizons_are_drawn_in_steps() -> None:
    """The next multiple of 50 days, so that a day further changes no day before."""
    drawn = {horizon: joint.drawn_days(horizon) for horizon in (1, 28, 400, 401, 450, 451, 1600)}
    assert drawn == {1: 1, 28: 28, 400: 400, 401: 450, 450: 450, 451: 500, 1600: 1600}


@pytest.mark.parametrize("busy", [0, 1, 2, 4])
def test_few_days_with_boats_lose_no_model(busy: int) -> None:
    """People cannot be told from boats where there were none, and were none themselves."""
    people, boats = np.zeros(400, int), np.zeros(400, int)
    people[100 : 100 + busy], boats[100 : 100 + busy] = 90, 3
    figures = {
        name: DailySeries(name, np.datetime64("2024-01-01"), values)
        for name, values in (("people", people), ("boats", boats))
    }
    paths = joint.fit(Climatology(), figures).draw(28, 50, np.random.default_rng(0))
    drawn_people, drawn_boats = paths["people"].values, paths["boats"].values
    assert (drawn_boats <= drawn_people).all()
    assert ((drawn_boats > 0) == (drawn_people > 0)).all()
