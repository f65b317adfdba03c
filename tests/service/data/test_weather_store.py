import datetime as dt

import numpy as np

from service.data import weather_store
from service.data.daily_weather import WeatherReading
from service.data.weather_store import WeatherReadings
from tests.service import sample_weather
from tests.service.support import ROUTE, utc

D = dt.date
DAY = dt.timedelta(days=1)
NAMES = ("wave_m", "wind_ms")
SEEN = utc(2023, 12, 28, 6)


def reading(kind, first, rows, read_at=SEEN, members=1):
    values = np.stack([np.array(rows) + member for member in range(members)])
    return WeatherReading(kind, NAMES, first, values, read_at)


def put(database, *readings):
    with database.writing() as connection:
        return [weather_store.save_reading(connection, ROUTE, one) for one in readings]


def test_reading_is_stored_once_and_read_unchanged(database):
    ensemble = reading("ensemble", D(2023, 12, 28), [[1.5, 20.25], [np.nan, 3.0]], members=3)
    assert put(database, ensemble, ensemble) == [True, False]
    with database.reading() as connection:
        stored = sample_weather.newest_reading(connection, "ensemble")
    np.testing.assert_array_equal(stored.values, ensemble.values)
    assert (stored.names, stored.first, stored.last) == (NAMES, ensemble.first, D(2023, 12, 29))
    assert stored.read_at == SEEN


def test_newest_reading_at_each_time_is_loaded_once(database):
    """The newest reading before each time, unless it is stale."""
    days = [D(2023, 12, day) for day in (1, 2, 5)]
    put(database, *(reading("ensemble", day, [[1, 1]], utc(2023, 12, day.day, 6)) for day in days))
    moments = [utc(2023, 12, *at) for at in ((1, 5), (1, 6), (2, 7), (3, 18), (3, 19), (6, 1))]
    with database.reading() as connection:
        readings = WeatherReadings(connection, ROUTE)
        newest = [readings.newest_at("ensemble", moment) for moment in moments]
        assert readings.newest_at("waves", moments[0]) is None
        between = readings.between("ensemble", utc(2023, 12, 1, 6), utc(2023, 12, 5, 6))
    assert [one and one.first for one in newest] == [None, *days[:2], days[1], None, days[2]]
    assert [one.first for one in between] == days[1:]
    assert newest[2] is newest[3] is between[0]


def test_each_route_has_its_own_readings(database):
    other = ROUTE.model_copy(update={"name": "other"})
    first, second = (reading("ensemble", D(2023, 12, day), [[1.0, 2.0]]) for day in (1, 2))
    with database.writing() as connection:
        assert weather_store.save_reading(connection, other, first)
    assert put(database, first, second) == [True, True], "the same was read for another route"
    with database.reading() as connection:
        assert weather_store.get_last_read(connection, other, "ensemble") == (SEEN, first.last)
        readings = WeatherReadings(connection, other).between("ensemble", SEEN - DAY, SEEN)
        assert [one.first for one in readings] == [first.first]
