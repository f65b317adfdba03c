"""What is known of the weather at a moment, as models take it; or why they do without."""

from __future__ import annotations

__all__ = ["NAMES", "Drivers", "as_known", "drivers"]

import datetime as dt
import logging
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forecast.covariates import Covariates, CovariatesError
from forecast.series import Day, as_date
from forecast.specs import Spec, published, reads_covariates
from service.core.clock import instant
from service.core.database import Connection
from service.core.settings import Settings
from service.data import weather_store
from service.data.weather_store import Past

NAMES = (
    "wave_height_night_mean_m",
    "wave_height_day_max_m",
    "wind_speed_10m_night_mean_kmh",
    "wind_gusts_10m_day_max_kmh",
)
"""Few of the columns that are stored: the others say nearly the same."""

_LEAST_DAYS = 365
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Drivers:
    """The weather that fits are given.

    Attributes
    ----------
    status : str
        ``used``; ``missing``: it is wanted and cannot be had; ``off``: it is not wanted.
    reason : str
        Why it is so, for people.
    covariates : Covariates | None
        None unless it is used.
    told : dict
        Of what is used: when it was first read, how far it reaches.
    """

    status: str
    reason: str
    covariates: Covariates | None = None
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Hash of what fits are given; empty when that is nothing."""
        return "" if self.covariates is None else self.covariates.fingerprint

    def said(
        self, champion: str, models: Sequence[str], failures: Mapping[str, str]
    ) -> dict[str, Any]:
        """What is written down beside a forecast: whether the model that is served used it.

        Parameters
        ----------
        champion : str
            The model that is served.
        models : sequence of str
            Those that were fitted with the weather.
        failures : mapping of model to str
            Why another that reads it was not, as what it does with it.
        """
        said: dict[str, Any] = {"status": self.status, "reason": self.reason}
        if self.status == "used" and champion in failures:
            reason = f"{champion} {failures[champion]}"
            said = {"status": "missing", "reason": reason}
        elif self.status == "used" and champion not in models:
            said = {"status": "off", "reason": f"the model {champion} makes nothing of it"}
        if models:
            said |= self.told | {"models": list(models), "hash": self.fingerprint}
        return said


def drivers(
    connection: Connection,
    specs: Mapping[str, Spec],
    settings: Settings,
    origin: Day,
    as_of: dt.datetime,
    told: Past | None = None,
) -> Drivers:
    """The weather that a forecast from `origin` is given, as it was known at the moment `as_of`.

    Parameters
    ----------
    told : Past | None
        What was read before on this connection, for whoever asks of many moments.
    """
    if settings.weather == "off":
        return Drivers("off", "no weather is read (CROSSINGS_WEATHER is off)")
    if not any(reads_covariates(name, specs) for name in published(specs)):
        return Drivers("off", "no declared model makes anything of the weather")
    return as_known(connection, origin, as_of, settings.horizon, told)


def as_known(
    connection: Connection,
    origin: Day,
    as_of: dt.datetime,
    horizon: int,
    told: Past | None = None,
) -> Drivers:
    """The weather up to `origin`, and at most `horizon` days after it, as known at `as_of`.

    Weather that is missing, old or broken is none: a forecast never fails for want of it.
    """
    try:
        return _known(connection, origin, as_of, horizon, told)
    except (CovariatesError, ValueError, KeyError, TypeError, zlib.error) as error:
        _log.exception("the stored weather cannot be used")
        return Drivers("missing", f"the stored weather cannot be used: {str(error)[:200]}")


def _known(
    connection: Connection, origin: Day, as_of: dt.datetime, horizon: int, told: Past | None
) -> Drivers:
    ahead = weather_store.newest(connection, "forecast", as_of)
    if ahead is None:
        return Drivers("missing", "no forecast of the weather was read yet")
    if as_of - ahead.seen_at > dt.timedelta(hours=weather_store.STALE_HOURS):
        since = f"{instant(ahead.seen_at)}, over {weather_store.STALE_HOURS} hours ago"
        said = f"what is known of the weather to come was last new at {since}"
        return Drivers("missing", said)
    day = as_date(origin)
    table = weather_store.covariates(connection, NAMES, day, as_of, told)
    if table is None:
        return Drivers("missing", f"the weather of {day} is not stored")
    found = table.at(origin, horizon)
    days = len(found.history)
    if days < _LEAST_DAYS:
        return Drivers(
            "missing", f"{_LEAST_DAYS} days of weather up to {day} are needed, {days} are stored"
        )
    if not found.n_ahead:
        return Drivers("missing", f"no day after {day} is foreseen without a gap")
    used = {
        "read_at": instant(ahead.seen_at),
        "made_at": instant(ahead.made_at),
        "days_ahead": found.n_ahead,
        "members": found.n_members,
        "columns": list(found.names),
    }
    through = day + dt.timedelta(days=found.n_ahead)
    return Drivers("used", f"the weather as foreseen through {through}", found, used)
