import numpy as np

from forecast.forecasters.seasonal_naive import SeasonalNaive
from forecast.series import DailySeries

START = np.datetime64("2024-01-01", "D")


def test_paths_match_plain_loop(people):
    fitted = SeasonalNaive(window_days=100).fit(people)
    paths = fitted.simulate(20, 30, np.random.default_rng(1)).values
    rng = np.random.default_rng(1)
    past = people.values[-98:]  # whole weeks only
    weeks = [past[i : i + 7].tolist() for i in range(0, 98, 7)]
    expected = [[0] * 21 for _ in range(30)]
    for ahead in (1, 2, 3):
        for path, pick in enumerate(rng.integers(ahead, 14, size=30)):
            for day in range(7):
                change = weeks[pick][day] - weeks[pick - ahead][day]
                expected[path][(ahead - 1) * 7 + day] = max(weeks[-1][day] + change, 0)
    np.testing.assert_array_equal(paths, np.array(expected)[:, :20])


def test_constant_week_is_repeated():
    week = [5, 0, 0, 3, 0, 900, 1]
    series = DailySeries("people", START, np.tile(week, 10))
    paths = SeasonalNaive().fit(series).simulate(400, 5, np.random.default_rng(0))
    np.testing.assert_array_equal(paths.values, np.tile(np.tile(week, 58)[:400], (5, 1)))
