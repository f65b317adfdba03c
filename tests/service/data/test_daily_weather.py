"""Hours made into days, beside a loop that anyone can check."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from service.data import daily_weather

FIRST = dt.date(2025, 12, 1)


def hours(members: int = 3, days: int = 4) -> np.ndarray:
    rng = np.random.default_rng(7)
    return rng.uniform(0, 5, size=(members, 2, 24 * days, len(daily_weather.VARIABLES)))


def test_days_are_what_a_slow_loop_says() -> None:
    hourly = hours()
    dates, values = daily_weather.daily(FIRST, hourly)
    assert dates == tuple(FIRST + dt.timedelta(days=n) for n in range(4))
    assert values.shape == (3, 4, len(daily_weather.NAMES))
    for member in range(3):
        for day in range(4):
            for at, variable in enumerate(daily_weather.VARIABLES):
                night, whole = [], []
                for point in range(2):
                    for hour in range(24):
                        value = hourly[member, point, 24 * day + hour, at]
                        whole.append(value)
                        if hour <= 9:
                            night.append(value)
                wanted = {
                    "night_mean": sum(night) / len(night),
                    "night_min": min(night),
                    "day_max": max(whole),
                }
                for when, value in wanted.items():
                    name = f"{variable}_{when}_{daily_weather.VARIABLES[variable]}"
                    column = daily_weather.NAMES.index(name)
                    assert values[member, day, column] == pytest.approx(value)


def test_a_day_with_an_hour_missing_is_not_there() -> None:
    hourly = hours()
    hourly[1, 0, 24 + 23, 2] = np.nan
    dates, values = daily_weather.daily(FIRST, hourly)
    assert dates == (FIRST, FIRST + dt.timedelta(days=2), FIRST + dt.timedelta(days=3))
    assert np.isfinite(values).all()


def test_names_have_units() -> None:
    assert daily_weather.NAMES[:3] == (
        "wave_height_night_mean_m",
        "wave_height_night_min_m",
        "wave_height_day_max_m",
    )
    assert all(name.endswith(("_m", "_kmh")) for name in daily_weather.NAMES)
    assert set(daily_weather.MEMBER_NAMES) < set(daily_weather.NAMES)
