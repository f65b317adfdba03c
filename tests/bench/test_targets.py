"""Targets: the best peer column by column, bounds included, and how sure it is."""

from __future__ import annotations

import numpy as np
import pytest

from bench import targets
from bench.measures import Measured
from bench.targets import Target
from forecast.bootstrap import Interval

COLUMNS = ("day_1", "days_1_3", "days_1_7", "total_7", "total_28")
ORIGINS = tuple(f"2023-01-{day:02}" for day in range(1, 21))
SHAPE = np.linspace(0.5, 1.5, len(ORIGINS))  # averages 1


def measured(*means: float, cover_7: float = 0.8, cover_28: float = 0.8) -> Measured:
    columns = {name: mean * SHAPE for name, mean in zip(COLUMNS, means, strict=True)}
    for name, share in {"cover_80_total_7": cover_7, "cover_80_total_28": cover_28}.items():
        columns[name] = (np.arange(len(ORIGINS)) < share * len(ORIGINS)).astype(float)
    return Measured(ORIGINS, columns)


CHAMPION = measured(50, 70, 72, 260, 600)
PEERS = {
    "prophet_defaults": measured(73, 90, 88, 357, 929),
    "auto_ets": measured(72, 90, 87, 336, 825),
    "auto_arima": measured(71, 90, 86, 370, 1086),
    "monks_2023": measured(1, 1, 1, 1, 1),  # is shown, and is none of those to beat
}


def met(found: list[Target]) -> dict[tuple[str, str], bool]:
    return {(target.group, target.column): target.met for target in found}


def test_the_best_peer_is_the_best_of_each_column() -> None:
    assert targets.best_peers(PEERS) == {
        "day_1": "auto_arima",
        "days_1_7": "auto_arima",
        "total_7": "auto_ets",
        "total_28": "auto_ets",
    }
    assert targets.best_peers({"climatology": CHAMPION}) == {}


def test_ratios_are_to_the_best_peer() -> None:
    found = {target.column: target for target in targets.against_peers(CHAMPION, PEERS)}
    assert {column: target.found.value for column, target in found.items()} == {
        "day_1": pytest.approx(50 / 71),
        "days_1_7": pytest.approx(72 / 86),
        "total_7": pytest.approx(260 / 336),
        "total_28": pytest.approx(600 / 825),
    }
    assert all(target.met and target.sure for target in found.values())
    assert found["total_7"].note == "auto_ets"


def test_peers_cut_at_zero_are_a_target_of_their_own() -> None:
    cut = {f"{name}_cut": measured(60, 80, 80, 400, 900) for name in ("auto_ets", "auto_arima")}
    found = targets.against_peers(CHAMPION, PEERS | cut)
    drawn, again = found[:4], found[4:]
    assert {target.group for target in drawn} == {"against the best peer, at most"}
    assert {target.group for target in again} == {"against the best, cut at 0, at most"}
    assert [(target.column, target.note) for target in again][0] == ("day_1", "auto_ets")
    assert again[0].found.value == pytest.approx(50 / 60)


def test_a_peer_that_declined_is_compared_where_it_did_not() -> None:
    peer = PEERS["auto_ets"].at(ORIGINS[10:])
    [day, *_] = targets.against_peers(CHAMPION, {"auto_ets": peer})
    assert day.found.value == pytest.approx(50 / 72)


def test_people_and_coverage_have_their_bounds() -> None:
    assert all(target.met for target in targets.within(CHAMPION) if not target.stretch)
    worse = measured(51.1, 70, 72.8, 266, 618, cover_7=0.65, cover_28=0.95)
    assert met(targets.within(worse)) == {
        ("in people, at most", "day_1"): False,
        ("in people, at most", "days_1_7"): True,
        ("in people, at most", "total_7"): False,
        ("in people, at most", "total_28"): True,
        ("coverage between", "cover_80_total_7"): False,
        ("coverage between", "cover_80_total_28"): False,
        ("stretch: in people, at most", "day_1"): False,
        ("stretch: in people, at most", "days_1_7"): False,
        ("stretch: in people, at most", "total_7"): False,
        ("stretch: in people, at most", "total_28"): False,
        ("stretch: coverage between", "cover_80_total_7"): False,
        ("stretch: coverage between", "cover_80_total_28"): False,
    }


@pytest.mark.parametrize(
    ("least", "most", "lo", "hi", "sure"),
    [
        (0.0, 0.72, 0.60, 0.70, True),
        (0.0, 0.72, 0.60, 0.80, False),
        (0.0, 0.72, 0.73, 0.80, True),
        (0.7, 0.9, 0.72, 0.88, True),
        (0.7, 0.9, 0.69, 0.88, False),
        (0.7, 0.9, 0.72, 0.91, False),
    ],
)
def test_it_is_sure_when_no_bound_lies_within_the_interval(
    least: float, most: float, lo: float, hi: float, sure: bool
) -> None:
    assert Target("", "day_1", least, most, Interval((lo + hi) / 2, lo, hi)).sure is sure


def test_weather_is_judged_against_ourselves_without_it() -> None:
    without = measured(60, 70, 75, 300, 700)
    bounds = {"day_1": (0.0, 0.97), "total_7": (0.0, 0.8), "cover_80_total_7": (0.75, 0.87)}
    found = targets.with_weather("seen", measured(58, 60, 68, 270, 700), without, bounds)
    assert [(target.column, target.met) for target in found[:2]] == [
        ("day_1", True),
        ("total_7", False),
    ]
    assert found[0].found.value == pytest.approx(58 / 60)
    assert 0 <= found[2].found.value <= 1, "a share, not a ratio of shares"
    people = {target.column: target.found.value for target in targets.without_weather(without)}
    assert people["day_1"] == 60


def test_on_a_second_crossing_the_champion_shall_be_ahead_of_all() -> None:
    runs = {
        "auto_ets": measured(90, 65, 80, 260, 800),
        "auto_ets_cut": measured(90, 65, 76, 290, 900),
        "sarimax": measured(40, 65, 90, 310, 690),
        "hurdle": measured(1, 1, 1, 1, 1),
    }
    champion = measured(60, 65, 75, 270, 700)
    found = targets.on_a_second_crossing(champion, runs, ["auto_ets", "auto_ets_cut"])
    assert [(one.column, one.note, one.met) for one in found[:3]] == [
        ("days_1_7", "auto_ets_cut", True),
        ("total_7", "auto_ets", False),
        ("total_28", "sarimax", False),
    ]
    assert found[2].found.value == pytest.approx(700 / 690)
    assert [one.column for one in found[3:]] == ["cover_80_total_7", "cover_80_total_28"]
