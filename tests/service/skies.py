"""Weather that goes with the embedded figures: calm where people came, rough where nobody did."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from service.core.context import Context
from service.core.database import Database
from service.core.settings import Settings
from service.data import embedded, weather_store
from service.data.daily_weather import MEMBER_NAMES, NAMES
from service.data.weather_store import Told
from tests.service.support import declare

CALM, ROUGH = 0.3, 2.2
_DAY = dt.timedelta(days=1)


def tell(
    database: Database,
    seen_at: dt.datetime,
    coming: Sequence[float],
    first: dt.date = dt.date(2023, 1, 1),
    members: int = 0,
    missing: Sequence[dt.date] = (),
) -> None:
    """Store the archive from `first` on and the forecast from the day of `seen_at` on.

    Parameters
    ----------
    coming : sequence of float
        How rough the coming days are foreseen, about 0 to 3.
    members : int
        Of an ensemble of the wind; none: no ensemble.
    missing : sequence of date
        Days that the archive leaves out.
    """
    today = seen_at.date()
    past = roughness(first, (today - first).days)
    for day in missing:
        past[(day - first).days] = np.nan
    ahead = np.array(coming, dtype=float)
    parts = [
        Told("archive", NAMES, first, _columns(past, NAMES)[None], seen_at, seen_at),
        Told("forecast", NAMES, today, _columns(ahead, NAMES)[None], seen_at, seen_at),
    ]
    if members:
        apart = np.linspace(-0.1, 0.1, members)
        values = np.stack([_columns(ahead + one, MEMBER_NAMES) for one in apart])
        parts.append(Told("ensemble", MEMBER_NAMES, today, values, seen_at, seen_at))
    with database.writing() as connection:
        for part in parts:
            weather_store.put(connection, part)


def roughness(first: dt.date, days: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How rough each day was, by the figures; 1 and noise where they have ended."""
    people = embedded.read()["people"]
    rng = np.random.default_rng([int(np.datetime64(first).astype(int)), 1])
    at = np.arange(days) + (np.datetime64(first) - people.start).astype(int)
    known = at < len(people)
    busy = np.where(known, people.values[np.minimum(at, len(people) - 1)] > 0, rng.random(days))
    return np.maximum(1.6 - 1.0 * busy + 0.35 * rng.standard_normal(days), 0.05)


def _columns(rough: np.ndarray, names: Sequence[str]) -> np.ndarray:  # type: ignore[type-arg]
    """Metres and km/h of days so rough, shape (n_days, n_names)."""
    rng = np.random.default_rng(len(names))
    scale = np.array([1.0 if name.endswith("_m") else 18.0 for name in names])
    return np.maximum(rough[:, None] + 0.02 * rng.standard_normal((len(rough), 1)), 0) * scale


def reading(context: Context) -> Context:
    """The same with weather, and with a champion that reads it."""
    models = context.settings.models_dir
    declare(models, "climatology", "climatology", "baseline")
    declare(models, "swell", "level_hurdle", "champion")
    return Context(context.settings.model_copy(update={"weather": "openmeteo"}), context.database)


def off(settings: Settings) -> Settings:
    return settings.model_copy(update={"weather": "off"})
