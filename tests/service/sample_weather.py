"""Synthetic weather for the embedded figures: calm on days with arrivals, rough on others."""

import datetime as dt

import numpy as np

from service.core.context import Context
from service.data import weather_store
from service.data.covariates import drivers_as_of
from service.data.daily_weather import WAVES, WIND, WeatherReading
from tests.service.support import ROUTE, declare_model
from tests.support import embedded

CALM, ROUGH = 0.3, 2.2


def newest_reading(connection, kind):
    """Return the last stored reading of a kind, whatever its age."""
    first, last = (one.replace(tzinfo=dt.UTC) for one in (dt.datetime.min, dt.datetime.max))
    readings = weather_store.WeatherReadings(connection, ROUTE).between(kind, first, last)
    return readings[-1] if readings else None


def usable_weather(connection, origin, as_of):
    """Return the weather of 28 days from `origin` as known then."""
    drivers = drivers_as_of(connection, ROUTE, origin, as_of, 28)
    assert drivers.covariates is not None, drivers.reason
    return drivers.covariates


def store_weather(database, seen_at, coming, first=dt.date(2023, 1, 1), members=1, missing=()):
    """Store the archive from `first` but for the days `missing`, and a forecast of `members`.

    The forecast begins on the day of `seen_at`; `coming` is its roughness by day, about 0 to 3.
    """
    today = seen_at.date()
    past = roughness(first, (today - first).days)
    for day in missing:
        past[(day - first).days] = np.nan
    ahead = np.array(coming, dtype=float)
    apart = np.linspace(-0.1, 0.1, members) if members > 1 else [0.0]
    futures = np.stack([_columns(ahead + one) for one in apart])
    waves = np.stack([ahead, ahead], axis=1)[None]
    with database.writing() as connection:
        for reading in (
            WeatherReading("archive", WIND, first, _columns(past)[None], seen_at),
            WeatherReading("ensemble", WIND, today, futures, seen_at),
            WeatherReading("recent", WIND, today, futures[:, :1].mean(axis=0)[None], seen_at),
            WeatherReading("waves", WAVES, today, waves, seen_at),
        ):
            weather_store.save_reading(connection, ROUTE, reading)


def roughness(first, days):
    """Roughness of each day, derived from the figures; random after their end."""
    people = embedded.read()["people"]
    rng = np.random.default_rng([int(np.datetime64(first).astype(int)), 1])
    at = np.arange(days) + (np.datetime64(first) - people.start).astype(int)
    known = at < len(people)
    busy = np.where(known, people.values[np.minimum(at, len(people) - 1)] > 0, rng.random(days))
    return np.maximum(1.6 - 1.0 * busy + 0.35 * rng.standard_normal(days), 0.05)


def _columns(rough):
    """Columns `WIND` for this roughness, shape (n_days, 6): 5 m/s at 1, from the south-west."""
    rng = np.random.default_rng(6)
    speeds = np.maximum(rough[:, None] + 0.02 * rng.standard_normal((len(rough), 1)), 0)
    return speeds * np.array([5.0, 5.0, 8.0, 5.0, 3.5, 3.5])


def with_weather(context):
    """Return the context with weather and a champion that uses it."""
    models = context.settings.models_dir
    declare_model(models, "climatology", "climatology", "baseline")
    declare_model(models, "swell", "level_hurdle", "champion")
    return Context(context.settings.model_copy(update={"weather": "openmeteo"}), context.database)


def without_weather(settings):
    return settings.model_copy(update={"weather": "off"})
