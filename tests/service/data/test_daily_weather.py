import math

import numpy as np
import pytest

from service.data.daily_weather import WAVES, WIND, daily_waves, daily_wind


def random_wind_hours(members=3, days=4):
    rng = np.random.default_rng(7)
    return rng.uniform(0, 20, size=(members, 2, 24 * days, 3)) * [1, 1, 18]


def test_daily_wind_equals_a_loop_over_hours():
    hourly = random_wind_hours()
    values = daily_wind(hourly)
    assert values.shape == (3, 3, len(WIND))
    for member in range(3):
        for day in (1, 2, 3):
            columns = {name: [] for name in WIND}
            for point in range(2):
                rows = hourly[member, point].tolist()
                today, before = rows[24 * day : 24 * day + 24], rows[24 * day - 24 : 24 * day]
                night = today[:9]
                columns["wind_mean_ms"].append(sum(row[0] for row in today) / 24)
                columns["wind_night_mean_ms"].append(sum(row[0] for row in night) / 9)
                columns["gust_max_ms"].append(max(row[1] for row in today))
                columns["wind_prev_evening_ms"].append(sum(row[0] for row in before[15:]) / 9)
                for name, part in (("u_night_ms", math.sin), ("v_night_ms", math.cos)):
                    blown = sum(-row[0] * part(math.radians(row[2])) for row in night)
                    columns[name].append(blown / 9)
            for at, name in enumerate(WIND):
                mean = sum(columns[name]) / 2
                assert values[member, day - 1, at] == pytest.approx(mean), name


@pytest.mark.parametrize(
    ("variable", "hours", "missing"),
    [
        (0, range(24, 33), {"wind_night_mean_ms", "u_night_ms", "v_night_ms", "wind_mean_ms"}),
        (0, range(24, 27), set()),
        (0, range(15, 19), {"wind_prev_evening_ms"}),
        (1, range(24, 33), {"gust_max_ms"}),
        (1, range(24, 32), set()),
        (2, range(24, 28), {"u_night_ms", "v_night_ms"}),
    ],
)
def test_a_third_of_the_hours_may_be_missing(variable, hours, missing):
    hourly = random_wind_hours(members=1, days=2)
    hourly[0, 1, list(hours), variable] = np.nan
    (day,) = daily_wind(hourly)[0]
    assert {name for name, value in zip(WIND, day, strict=True) if np.isnan(value)} == missing


def test_daily_waves_are_means_over_points():
    hourly = np.random.default_rng(7).uniform(0, 5, size=(1, 2, 48, 1))
    values = daily_waves(hourly)
    assert values.shape == (1, 2, len(WAVES))
    second = hourly[0, :, 24:, 0]
    assert values[0, 1, 0] == pytest.approx(second[:, :9].mean())
    assert values[0, 1, 1] == pytest.approx((second[0].max() + second[1].max()) / 2)
