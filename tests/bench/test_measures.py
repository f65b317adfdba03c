import numpy as np
import pytest

from bench.measures import COVERAGE, CRPS, measure, together
from forecast.backtest import BacktestConfig, rolling_origin
from forecast.forecasters.climatology import Climatology


@pytest.fixture(scope="module")
def scores(figures):
    config = BacktestConfig("2024-01-01", "2024-03-31", paths=60, series="people")
    return rolling_origin({"climatology": Climatology()}, figures, config)[0]["climatology"]


def test_columns_are_averages_over_days(scores):
    columns = measure(scores).columns
    assert set(CRPS) | set(COVERAGE) <= set(columns)
    for origin, score in enumerate(scores):
        value = {name: column[origin] for name, column in columns.items()}
        assert value["day_1"] == score.crps[0]
        assert value["days_1_3"] == pytest.approx(sum(score.crps[:3]) / 3)
        assert value["days_15_28"] == pytest.approx(sum(score.crps[14:28]) / 14)
        assert value["total_28"] == score.totals["total_28"]["crps"]
        assert value["cover_80_day"] == pytest.approx(sum(score.within[80]) / 28)
        assert value["pit_80_day"] == pytest.approx(sum(0.1 < p < 0.9 for p in score.pit) / 28)


def test_columns_beyond_horizon_are_left_out(figures):
    config = BacktestConfig("2024-01-01", "2024-01-31", horizon=14, paths=60, series="people")
    columns = set(measure(rolling_origin({"c": Climatology()}, figures, config)[0]["c"]).columns)
    assert {"days_8_14", "total_7"} <= columns
    assert not {"days_15_28", "total_28", "cover_80_total_28"} & columns


def test_models_are_compared_on_common_origins(scores):
    one, other = together(measure(scores[1:]), measure([*scores[:3], *scores[4:]]))
    expected = tuple(score.origin for at, score in enumerate(scores) if at not in (0, 3))
    assert one.origins == other.origins == expected
    np.testing.assert_array_equal(one.columns["day_1"], other.columns["day_1"])
