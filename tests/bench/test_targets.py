"""Targets: best peers, bounds and certainty."""

import numpy as np
import pytest

from bench import targets
from bench.measures import Measured
from bench.targets import Target
from forecast.bootstrap import Interval

COLUMNS = ("day_1", "days_1_3", "days_1_7", "total_7", "total_28")
ORIGINS = tuple(f"2023-01-{day:02}" for day in range(1, 21))
SHAPE = np.linspace(0.5, 1.5, len(ORIGINS))  # mean 1


def make_measured(*means, cover_7=0.8, cover_28=0.8):
    columns = {name: mean * SHAPE for name, mean in zip(COLUMNS, means, strict=True)}
    for name, share in {"cover_80_total_7": cover_7, "cover_80_total_28": cover_28}.items():
        columns[name] = (np.arange(len(ORIGINS)) < share * len(ORIGINS)).astype(float)
    return Measured(ORIGINS, columns)


CHAMPION = make_measured(50, 70, 72, 260, 600)
PEERS = {
    "prophet_defaults": make_measured(73, 90, 88, 357, 929),
    "auto_ets": make_measured(72, 90, 87, 336, 825),
    "auto_arima": make_measured(71, 90, 86, 370, 1086),
    "monks_2023": make_measured(1, 1, 1, 1, 1),  # reported, but not one to beat
}


def test_ratios_are_to_best_peer():
    by_column = {target.column: target for target in targets.against_peers(CHAMPION, PEERS)}
    assert {column: target.result.value for column, target in by_column.items()} == {
        "day_1": pytest.approx(50 / 71),
        "days_1_7": pytest.approx(72 / 86),
        "total_7": pytest.approx(260 / 336),
        "total_28": pytest.approx(600 / 825),
    }
    assert all(target.met and target.sure for target in by_column.values())
    assert by_column["total_7"].note == "auto_ets"
    assert targets.best_peers({"climatology": CHAMPION}) == {}


def test_peers_cut_at_zero_have_separate_targets():
    cut = {
        f"{name}_cut": make_measured(60, 80, 80, 400, 900) for name in ("auto_ets", "auto_arima")
    }
    results = targets.against_peers(CHAMPION, PEERS | cut)
    assert {target.group for target in results[:4]} == {"against the best peer, at most"}
    assert {target.group for target in results[4:]} == {"against the best, cut at 0, at most"}
    assert (results[4].column, results[4].note) == ("day_1", "auto_ets")
    assert results[4].result.value == pytest.approx(50 / 60)


def test_peer_is_compared_on_origins_it_did_not_decline():
    peer = PEERS["auto_ets"].at(ORIGINS[10:])
    [day, *_] = targets.against_peers(CHAMPION, {"auto_ets": peer})
    assert day.result.value == pytest.approx(50 / 72)


def test_people_and_coverage_are_bounded():
    assert all(target.met for target in targets.within(CHAMPION) if not target.stretch)
    worse = make_measured(51.1, 70, 72.8, 266, 618, cover_7=0.65, cover_28=0.95)
    results = targets.within(worse)
    met = [(target.group, target.column) for target in results if target.met]
    assert met == [("in people, at most", "days_1_7"), ("in people, at most", "total_28")]
    assert [target.stretch for target in results] == [False] * 6 + [True] * 6


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
def test_target_is_sure_if_interval_contains_no_bound(least, most, lo, hi, sure):
    assert Target("", "day_1", least, most, Interval((lo + hi) / 2, lo, hi)).sure is sure


def test_weather_is_compared_with_champion_without_it():
    without = make_measured(60, 70, 75, 300, 700)
    bounds = {"day_1": (0.0, 0.97), "total_7": (0.0, 0.8), "cover_80_total_7": (0.75, 0.87)}
    results = targets.with_weather("seen", make_measured(58, 60, 68, 270, 700), without, bounds)
    met = [(target.column, target.met) for target in results[:2]]
    assert met == [("day_1", True), ("total_7", False)]
    assert results[0].result.value == pytest.approx(58 / 60)
    assert 0 <= results[2].result.value <= 1, "a share, not a ratio of shares"
    people = {target.column: target.result.value for target in targets.without_weather(without)}
    assert people["day_1"] == 60


def test_champion_is_compared_with_best_of_all_on_second_route():
    runs = {
        "auto_ets": make_measured(90, 65, 80, 260, 800),
        "auto_ets_cut": make_measured(90, 65, 76, 290, 900),
        "sarimax": make_measured(40, 65, 90, 310, 690),
        "hurdle": make_measured(1, 1, 1, 1, 1),
    }
    champion = make_measured(60, 65, 75, 270, 700)
    results = targets.on_a_second_crossing(champion, runs, ["auto_ets", "auto_ets_cut"])
    assert [(target.column, target.note, target.met) for target in results[:3]] == [
        ("days_1_7", "auto_ets_cut", True),
        ("total_7", "auto_ets", False),
        ("total_28", "sarimax", False),
    ]
    assert results[2].result.value == pytest.approx(700 / 690)
    assert [target.column for target in results[3:]] == ["cover_80_total_7", "cover_80_total_28"]
