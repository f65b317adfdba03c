"""A challenger is served when it has proved better on enough of the same origins, not before."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.specs import Spec
from service.issues.champion import MEASURES, choose_champion, judge, worse_with_weather

SPECS = {
    name: Spec(name, name, "hurdle", role)
    for name, role in (("now", "champion"), ("other", "challenger"), ("base", "baseline"))
}


@pytest.mark.parametrize(
    ("comparison", "champion"),
    [
        ({}, "now"),
        ({"champion": "other", "declared": "now"}, "other"),
        ({"champion": "other", "declared": "another"}, "now"),  # one was declared since
        ({"champion": "gone", "declared": "now"}, "now"),
        ({"champion": "other"}, "now"),
    ],
)
def test_the_champion_of_the_last_comparison(comparison: dict[str, str], champion: str) -> None:
    assert choose_champion(SPECS, comparison) == champion


def scores(origins: range, each: float) -> dict[str, dict[str, float]]:
    return {f"2025-{at:04}": dict.fromkeys(MEASURES, each) for at in origins}


@pytest.mark.parametrize(
    ("ratio", "origins", "champion"),
    [
        (0.96, range(26), "other"),
        (0.98, range(26), "now"),  # within the margin
        (0.90, range(6, 26), "other"),  # 20 of 26
        (0.90, range(7, 26), "now"),  # 19: what it has may be the easy ones
        (0.90, range(25, 26), "now"),
        (0.90, range(26, 52), "now"),  # not one in common
    ],
)
def test_who_is_served(ratio: float, origins: range, champion: str) -> None:
    record = {"now": scores(range(26), 100.0), "other": scores(origins, 100.0 * ratio)}
    found = judge("now", SPECS, record, margin=0.03)
    assert found.champion == champion
    said = len(origins) if champion == "other" else 26
    assert f" on {said} " in found.reason


def test_a_baseline_is_never_served() -> None:
    record = {"now": scores(range(26), 100.0), "base": scores(range(26), 10.0)}
    assert judge("now", SPECS, record, margin=0.03).champion == "now"


def test_a_champion_with_hardly_a_record_is_not_replaced_by_chance() -> None:
    record = {"now": scores(range(3), 100.0), "other": scores(range(26), 10.0)}
    assert judge("now", SPECS, record, margin=0.03).champion == "now"


@pytest.mark.parametrize(
    ("ratio", "spread", "origins", "is_worse"),
    [
        (1.05, 0.0, 8, True),
        (1.05, 0.0, 7, False),  # too few to tell
        (0.95, 0.0, 26, False),
        (1.0, 0.0, 26, False),
        (1.05, 0.3, 26, False),  # chance would do it too
        (1.25, 0.3, 26, True),
    ],
)
def test_weather_is_set_aside_where_it_surely_makes_a_model_worse(
    ratio: float, spread: float, origins: int, is_worse: bool
) -> None:
    rng = np.random.default_rng(1)
    blind = {f"2025-{at:04}": dict.fromkeys(MEASURES, rng.gamma(9.0)) for at in range(origins)}
    luck = np.linspace(1 - spread, 1 + spread, origins)[rng.permutation(origins)]
    scores = {
        origin: {name: score * ratio * one for name, score in record.items()}
        for (origin, record), one in zip(blind.items(), luck, strict=True)
    }
    found = worse_with_weather(scores | {"2020-0001": {}}, blind)
    assert bool(found) == is_worse
    if spread == 0 and is_worse:
        said = "its score is 1.050 (1.050 to 1.050) of that without, on 8 weekly origins"
        assert found == f"is worse with it: {said}"


def test_a_measure_that_is_zero_throughout_decides_nothing() -> None:
    zero = scores(range(8), 0.0)
    assert worse_with_weather(scores(range(8), 1.0), zero) == ""
    one = {origin: measures | {MEASURES[0]: 1.0} for origin, measures in zero.items()}
    assert worse_with_weather(scores(range(8), 1.0), one) == ""
