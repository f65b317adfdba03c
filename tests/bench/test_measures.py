"""One number an origin and column; averages are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from bench.measures import COVERAGE, CRPS, measure, together
from forecast.backtest import BacktestConfig, OriginScore, rolling_origin
from forecast.forecasters.climatology import Climatology
from forecast.series import DailySeries


@pytest.fixture(scope="module")
def scores(figures: dict[str, DailySeries]) -> list[OriginScore]:
    protocol = BacktestConfig("2024-01-01", "2024-03-31", paths=60, series="people")
    return rolling_origin({"climatology": Climatology()}, figures, protocol)[0]["climatology"]


def test_columns_are_averages_over_their_days(scores: list[OriginScore]) -> None:
    found = measure(scores)
    assert set(CRPS) | set(COVERAGE) <= set(found.columns)
    for place, score in enumerate(scores):  # slow and obvious
        value = {name: column[place] for name, column in found.columns.items()}
        assert value["day_1"] == score.crps[0]
        assert value["days_1_3"] == pytest.approx(sum(score.crps[:3]) / 3)
        assert value["days_15_28"] == pytest.approx(sum(score.crps[14:28]) / 14)
        assert value["total_28"] == score.totals["total_28"]["crps"]
        assert value["cover_80_day"] == pytest.approx(sum(score.within[80]) / 28)
        assert value["pit_80_day"] == pytest.approx(sum(0.1 < p < 0.9 for p in score.pit) / 28)


def test_columns_beyond_the_horizon_are_left_out(figures: dict[str, DailySeries]) -> None:
    protocol = BacktestConfig("2024-01-01", "2024-01-31", horizon=14, paths=60, series="people")
    found = measure(rolling_origin({"c": Climatology()}, figures, protocol)[0]["c"])
    assert "days_8_14" in found.columns
    assert "total_7" in found.columns
    assert not {"days_15_28", "total_28", "cover_80_total_28"} & set(found.columns)


def test_two_are_compared_where_both_have_scores(scores: list[OriginScore]) -> None:
    one, other = together(measure(scores[1:]), measure([*scores[:3], *scores[4:]]))
    expected = tuple(score.origin for place, score in enumerate(scores) if place not in (0, 3))
    assert one.origins == other.origins == expected
    np.testing.assert_array_equal(one.columns["day_1"], other.columns["day_1"])
