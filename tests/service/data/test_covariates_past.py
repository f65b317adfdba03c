"""Past weather forecasts that the store passes to the models."""

from __future__ import annotations

import datetime as dt

import numpy as np

from forecast.postprocessing import correct_members
from forecast.series import ONE_DAY
from service.data import covariates, weather_store
from service.data.daily_weather import WIND, WeatherReading
from service.data.weather_store import WeatherReadings
from tests.service import sample_weather
from tests.service.support import ROUTE, utc

SEEN = utc(2026, 1, 1, 5)
NOON = utc(2026, 1, 1, 14)
ORIGIN = np.datetime64("2025-12-31")


def store_daily_readings(database, days, bias):
    """Store an archive, and an ensemble of two members each day, `bias` above the actual values."""
    first = dt.date(2024, 6, 1)
    last = dt.date(2025, 12, 31)
    actual = np.random.default_rng(1).gamma(4.0, 2.0, size=((last - first).days + 16, len(WIND)))
    later = first + dt.timedelta(days=100)
    readings = [
        WeatherReading("archive", WIND, first, actual[None, :100], utc(2024, 9, 12, 4)),
        WeatherReading("archive", WIND, later, actual[None, 100:-15], utc(2026, 1, 1, 4)),
    ]
    for back in range(days):
        today = dt.date(2026, 1, 1) - back * dt.timedelta(days=1)
        at = (today - first).days
        members = actual[at : at + 15] + bias + np.array([-0.5, 0.5])[:, None, None]
        seen = dt.datetime.combine(today, dt.time(5), dt.UTC)
        readings.append(WeatherReading("ensemble", WIND, today, members, seen))
    with database.writing() as connection:
        for reading in readings:
            weather_store.save_reading(connection, ROUTE, reading)


def test_past_forecasts_are_archived_and_correct_the_members(database):
    store_daily_readings(database, 110, bias=3.0)
    with database.reading() as connection:
        weather = sample_weather.usable_weather(connection, ORIGIN, NOON)
        # An origin one day earlier: the day in between is observed, also at each past origin.
        older = sample_weather.usable_weather(connection, ORIGIN - 1 * ONE_DAY, NOON)
        near, far = (
            sample_weather.usable_weather(connection, ORIGIN - days * ONE_DAY, NOON)
            for days in (14, 15)
        )
    assert (weather.n_members, weather.n_ahead) == (2, 15)
    # Daily for the last 90 days, weekly before.
    origins = weather.archive.origins
    assert (len(origins), str(origins[0]), str(origins[-1])) == (93, "2025-09-17", "2025-12-30")
    issued = weather.archive.issued_at(ORIGIN - 20 * ONE_DAY)
    actual = weather.history[-20:-5]
    np.testing.assert_allclose(issued.mean(axis=0), actual + 3, atol=1e-5)
    # The members' error is learned from them: most of the bias of 3 m/s is removed.
    bias = weather.future - correct_members(weather)
    assert 1.8 < bias[..., :3].mean() < 3
    assert (older.n_ahead, older.future[0, 0, 0]) == (16, older.future[1, 0, 0])
    issued = older.archive.issued_at(ORIGIN - 21 * ONE_DAY)
    observed = np.repeat(weather.history[None, -21], 2, axis=0)
    np.testing.assert_allclose(issued[:, 0], observed, atol=1e-5)
    np.testing.assert_allclose(issued[:, 1:].mean(axis=0), actual + 3, atol=1e-5)
    assert near.archive is not None and far.archive is None
    assert len(weather.history) == 579, "all of the archive, however long ago it was read"


def test_past_forecast_is_the_last_before_its_origin_hour(database):
    """The last reading before 14:00 on the day after the origin; short readings are omitted."""
    store_daily_readings(database, 10, bias=0.0)
    day = dt.date(2025, 12, 28)
    with database.writing() as connection:
        for hour, value, length in ((11, 7.0, 15), (15, 8.0, 15)):
            values = np.full((3, length, len(WIND)), value)
            seen = dt.datetime.combine(day, dt.time(hour), dt.UTC)
            weather_store.save_reading(
                connection, ROUTE, WeatherReading("ensemble", WIND, day, values, seen)
            )
        short = np.full((2, 4, len(WIND)), 9.0)
        seen = dt.datetime.combine(day - dt.timedelta(days=1), dt.time(12), dt.UTC)
        reading = WeatherReading("ensemble", WIND, seen.date(), short, seen)
        weather_store.save_reading(connection, ROUTE, reading)
    with database.reading() as connection:
        weather = sample_weather.usable_weather(connection, ORIGIN, NOON)
    assert "2025-12-26" not in weather.archive.origins.astype(str)
    assert set(weather.archive.issued_at("2025-12-27").ravel()) == {7.0}
    assert len(weather.archive.origins) == 8


def test_prune_keeps_readings_that_forecasts_need(database):
    store_daily_readings(database, 410, bias=1.0)
    with database.reading() as connection:
        before = covariates.drivers_as_of(connection, ROUTE, ORIGIN, NOON, 28)
    with database.writing() as connection:
        assert weather_store.prune_readings(connection, NOON - covariates.LOOKBACK) > 0
        after = covariates.drivers_as_of(connection, ROUTE, ORIGIN, NOON, 28)
    assert before.detail["past_forecasts"] == 90 + 45
    assert after.fingerprint == before.fingerprint


def test_recent_days_and_members_are_adjusted_to_the_reanalysis(database):
    store_daily_readings(database, 1, bias=0.0)
    with database.writing() as connection:
        archive = sample_weather.newest_reading(connection, "archive")
        recent = archive.values[:, -60:] - 2.0
        recent = np.concatenate([recent, [[[5.0] * len(WIND)]]], axis=1)
        first = archive.last - dt.timedelta(days=59)
        weather_store.save_reading(
            connection, ROUTE, WeatherReading("recent", WIND, first, recent, SEEN)
        )
    with database.reading() as connection:
        seen = utc(2026, 1, 2, 5)
        weather = sample_weather.usable_weather(connection, ORIGIN + 1 * ONE_DAY, seen)
        ensemble = WeatherReadings(connection, ROUTE).newest_at("ensemble", seen)
    np.testing.assert_allclose(weather.history[-1], 5 + 2 * 60 / 80, atol=1e-4)
    np.testing.assert_allclose(weather.history[-2], archive.values[0, -1], atol=1e-5)
    adjustment = weather.future - ensemble.values[:, 1:]  # the members too
    np.testing.assert_allclose(adjustment, 2 * 60 / 80, atol=1e-4)
    earlier = weather.archive.issued_at(ORIGIN) - ensemble.values[:, :14]  # and past forecasts
    np.testing.assert_allclose(earlier, 2 * 60 / 80, atol=1e-4)
