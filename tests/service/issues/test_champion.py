import numpy as np
import pytest

from forecast.specs import Spec
from service.issues.champion import MEASURES, choose_champion, judge, worse_with_weather

SPECS = {
    name: Spec(name, name, "hurdle", role)
    for name, role in (
        *(("now", "champion"), ("base", "baseline")),
        *((name, "challenger") for name in ("other", "also", "solid")),
    )
}


@pytest.mark.parametrize(
    ("comparison", "champion"),
    [
        ({}, "now"),
        ({"champion": "other", "declared": "now"}, "other"),
        ({"champion": "other", "declared": "another"}, "now"),  # another has been declared since
        ({"champion": "gone", "declared": "now"}, "now"),
        ({"champion": "other"}, "now"),
    ],
)
def test_champion_is_taken_from_last_comparison_if_still_declared(comparison, champion):
    assert choose_champion(SPECS, comparison) == champion


def scores(origins, factors):
    """Scores of 100 at each of `origins`, times its factor."""
    values = np.broadcast_to(factors, len(origins)) * 100.0
    pairs = zip(origins, values.tolist(), strict=True)
    return {f"2025-{at:04}": dict.fromkeys(MEASURES, value) for at, value in pairs}


@pytest.mark.parametrize(
    ("name", "ratio", "current", "origins", "champion"),
    [
        ("other", 0.96, 26, range(26), "other"),
        ("other", 0.98, 26, range(26), "now"),  # within the margin
        ("other", 1.10, 26, range(26), "now"),
        ("other", 0.90, 26, range(6, 26), "other"),  # 20 of 26
        ("other", 0.90, 26, range(7, 26), "now"),  # 19, perhaps the easy ones
        ("other", 0.90, 26, range(26, 52), "now"),  # none in common
        ("other", 0.10, 10, range(10), "other"),
        ("other", 0.10, 9, range(9), "now"),
        ("other", 0.10, 3, range(26), "now"),  # the champion has few scores
        ("base", 0.10, 26, range(26), "now"),  # a baseline is never chosen
    ],
)
def test_challenger_is_chosen_if_better_on_enough_common_origins(
    name, ratio, current, origins, champion
):
    verdict = judge("now", SPECS, {"now": scores(range(current), 1), name: scores(origins, ratio)})
    assert verdict.champion == champion
    n_origins = len(origins) if champion == "other" else current
    assert f" on {n_origins} " in verdict.reason
    assert "nearest is now" not in verdict.reason


def test_challenger_that_may_be_better_by_chance_is_not_chosen():
    noise = np.linspace(0.2, 1.6, 26)[np.random.default_rng(3).permutation(26)]
    record = {"now": scores(range(26), 1), "other": scores(range(26), noise)}
    verdict = judge("now", SPECS, record)
    assert verdict.ratios["other"] < 0.97
    assert verdict.champion == "now"
    assert "nearest is other at 0.900 (0." in verdict.reason
    record |= {"also": scores(range(26), 0.95), "solid": scores(range(26), 0.92)}
    assert judge("now", SPECS, record).champion == "solid"


@pytest.mark.parametrize(("origins", "score"), [(9, "0.980"), (10, "0.980 (0.980 to 0.980)")])
def test_interval_is_stated_if_there_are_enough_origins(origins, score):
    record = {"now": scores(range(origins), 1), "other": scores(range(origins), 0.98)}
    assert judge("now", SPECS, record).reason.endswith(f"; nearest is other at {score}")


@pytest.mark.parametrize(
    ("ratio", "spread", "origins", "is_worse"),
    [
        (1.05, 0.0, 10, True),
        (1.05, 0.0, 9, False),  # too few
        (0.95, 0.0, 26, False),
        (1.0, 0.0, 26, False),
        (1.05, 0.3, 26, False),  # within chance
        (1.25, 0.3, 26, True),
    ],
)
def test_weather_is_dropped_if_model_is_significantly_worse_with_it(
    ratio, spread, origins, is_worse
):
    rng = np.random.default_rng(1)
    levels = rng.gamma(9.0, size=origins)
    noise = np.linspace(1 - spread, 1 + spread, origins)[rng.permutation(origins)]
    blind, seeing = (scores(range(origins), each) for each in (levels, levels * ratio * noise))
    reason = worse_with_weather(seeing | {"2020-0001": {}}, blind)
    assert bool(reason) == is_worse
    if spread == 0 and is_worse:
        expected = "its score is 1.050 (1.050 to 1.050) times that without, on 10 weekly origins"
        assert reason == f"is worse with it: {expected}"


def test_measure_that_is_always_zero_is_ignored():
    zero, one = scores(range(10), 0), scores(range(10), 1)
    assert worse_with_weather(one, zero) == ""
    one_positive = {origin: measures | {MEASURES[0]: 1.0} for origin, measures in zero.items()}
    assert worse_with_weather(one, one_positive) == ""
