"""Weather for the models as known at a moment, from the database; or why there is none."""

__all__ = ["Drivers", "drivers_as_of", "drivers", "why_no_weather"]

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from forecast.covariates import Covariates, CovariatesError, ForecastArchive
from forecast.series import Day, as_date
from forecast.specs import Spec, published, reads_covariates
from service.core.clock import format_instant
from service.core.context import Context
from service.core.database import Connection
from service.core.declared_series import Route
from service.data.daily_weather import WIND, Array
from service.data.weather_store import STALE_HOURS, WeatherReadings, get_last_read

_LEAST_DAYS = 365
# Past forecasts used: every day of the last 90 days, every week of the last 400.
_DAILY_ISSUES, _ISSUE_DAYS = 90, 400
_LOOKBACK = dt.timedelta(days=_ISSUE_DAYS + 3)
_LONGEST_GAP = 14
_PRIOR_DAYS = 20.0  # weight of the prior that ensemble and reanalysis agree
_ONE_DAY = dt.timedelta(days=1)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Drivers:
    """Weather passed to fits, with the reason for its status.

    `status` is ``used``, ``missing`` (expected but unavailable) or ``off``; only used weather has
    `covariates`, and as `detail` what is noted of it.
    """

    status: str
    reason: str
    covariates: Covariates | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Hash of the weather passed to fits; empty if there is none."""
        return "" if self.covariates is None else self.covariates.fingerprint

    def note_for(
        self, champion: str, models: Sequence[str], failures: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return the note stored with a forecast: whether the served `champion` used weather.

        `models` were fitted with weather; `failures` say why others that could use it were not.
        """
        status, reason = self.status, self.reason
        if status == "used" and champion in failures:
            status, reason = "missing", f"{champion} {failures[champion]}"
        elif status == "used" and champion not in models:
            status, reason = "off", f"the model {champion} does not use it"
        note = {"status": status, "reason": reason}
        if not models:
            return note
        return note | self.detail | {"models": list(models), "hash": self.fingerprint}


def drivers(
    connection: Connection,
    context: Context,
    specs: Mapping[str, Spec],
    origin: Day,
    as_of: dt.datetime,
    readings: WeatherReadings | None = None,
    horizon: int = 0,
) -> Drivers:
    """Return the weather for a forecast from `origin`, as known at `as_of`.

    Pass `readings` of this connection when asking for many moments.
    """
    if not context.reads_weather:
        return Drivers("off", why_no_weather(context))
    if not any(reads_covariates(name, specs) for name in published(specs)):
        return Drivers("off", "no declared model uses the weather")
    horizon = horizon or context.settings.horizon
    return drivers_as_of(connection, context.route, origin, as_of, horizon, readings)


def why_no_weather(context: Context) -> str:
    """Return why no weather is read."""
    if context.settings.reads_weather:
        return f"{context.route.title} declares no weather"
    return "no weather is read (CROSSINGS_WEATHER)"


def drivers_as_of(
    connection: Connection,
    route: Route,
    origin: Day,
    as_of: dt.datetime,
    horizon: int,
    readings: WeatherReadings | None = None,
) -> Drivers:
    """Return the weather up to `origin` and at most `horizon` days after it, as known at `as_of`.

    Missing, old or broken weather counts as none: a forecast never fails because of it.
    """
    try:
        readings = readings or WeatherReadings(connection, route)
        return _weather_at(readings, as_date(origin), as_of, horizon)
    except (CovariatesError, ValueError) as error:
        _log.exception("the stored weather cannot be used")
        return Drivers("missing", f"the stored weather cannot be used: {str(error)[:200]}")


def _weather_at(
    readings: WeatherReadings, origin: dt.date, as_of: dt.datetime, horizon: int
) -> Drivers:
    ensemble = readings.newest_at("ensemble", as_of)
    if ensemble is None:
        last = get_last_read(readings.connection, readings.route, "ensemble", as_of)
        if last is None:
            return Drivers("missing", "no weather forecast has been read yet")
        stale = f"{format_instant(last[0])}, over {STALE_HOURS} hours ago"
        return Drivers("missing", f"the weather forecast was last updated at {stale}")
    first, past, shift = _past(readings, as_of)
    at = (origin - first).days
    if not 0 <= at < len(past) or not np.isfinite(past[at]).all():
        return Drivers("missing", f"the weather of {origin} is not stored")
    gaps = np.flatnonzero(~np.isfinite(past[:at]).all(axis=1))
    begin = int(gaps[-1]) + 1 if len(gaps) else 0
    days = at + 1 - begin
    if days < _LEAST_DAYS:
        reason = f"{_LEAST_DAYS} days of weather up to {origin} are needed, {days} are stored"
        return Drivers("missing", reason)
    # Days between the figures and the forecast, already observed.
    gap = max((ensemble.first - origin).days - 1, 0)
    between = past[at + 1 : at + 1 + min(gap, horizon)]
    skip = max((origin - ensemble.first).days + 1, 0)
    members = ensemble.values[:, skip : skip + max(horizon - gap, 0)] + shift
    future = _join_members(between, members)
    if future.shape[1] <= gap:
        future = future[:1]  # all members are equal
    if not future.shape[1]:
        return Drivers("missing", f"no day after {origin} is forecast without a gap")
    archive = None
    if gap <= _LONGEST_GAP:
        archive = _archive(readings, origin, gap, future.shape, (first, past, shift))
    start = np.datetime64(first + begin * _ONE_DAY, "D")
    covariates = Covariates(WIND, start, past[begin : at + 1], future, archive)
    through = origin + covariates.n_ahead * _ONE_DAY
    detail = {
        "read_at": format_instant(ensemble.read_at),
        "days_ahead": covariates.n_ahead,
        "members": covariates.n_members,
        "past_forecasts": len(archive.origins) if archive else 0,
        "columns": list(WIND),
    }
    return Drivers("used", f"the weather as forecast up to {through}", covariates, detail)


def _past(readings: WeatherReadings, as_of: dt.datetime) -> tuple[dt.date, Array, Array]:
    """Return the first day, the past (NaN where unknown), and the shift applied to the ensemble.

    The past is the reanalysis, extended to the last days by the ensemble's own past, shifted by
    their mean difference on common days.
    """
    always = dt.datetime.min.replace(tzinfo=dt.UTC)
    archive = readings.between("archive", always, as_of)
    recent = readings.between("recent", as_of - _LOOKBACK, as_of)
    both = archive + recent
    if not both:
        return as_of.date(), np.empty((0, len(WIND))), np.zeros(len(WIND))
    first, last = min(reading.first for reading in both), max(reading.last for reading in both)
    table = np.full((2, (last - first).days + 1, len(WIND)), np.nan)
    for part, readings_of_kind in zip(table, (archive, recent), strict=True):
        for reading in readings_of_kind:  # later readings override earlier ones
            at = (reading.first - first).days
            where = part[at : at + reading.values.shape[1]]
            np.copyto(where, reading.values[0], where=np.isfinite(reading.values[0]))
    difference = table[0] - table[1]
    shared = np.isfinite(difference)
    shift = np.where(shared, difference, 0.0).sum(axis=0) / (shared.sum(axis=0) + _PRIOR_DAYS)
    return first, np.where(np.isfinite(table[0]), table[0], table[1] + shift), shift


def _archive(
    readings: WeatherReadings,
    origin: dt.date,
    gap: int,
    shape: tuple[int, ...],
    history: tuple[dt.date, Array, Array],
) -> ForecastArchive:
    """Return earlier weather forecasts, each with the same `gap` of known days as today's.

    `shape`, (n_members, n_ahead, n_columns), is that of today's forecast; forecasts with fewer days
    are left out.
    """
    first, past, shift = history
    n_members, n_ahead, _ = shape
    days_back = [n for n in range(_ISSUE_DAYS, 0, -1) if n <= _DAILY_ISSUES or n % 7 == 0]
    origins = [origin - n * _ONE_DAY for n in days_back]
    moments = [readings.route.assumed_known_at(day + gap * _ONE_DAY) for day in origins]
    usable, values = [], []
    for day, reading in zip(origins, readings.newest_at_each("ensemble", moments), strict=True):
        if reading is None:
            continue
        at, skip = (day - first).days + 1, (day - reading.first).days + 1 + gap
        members = reading.values[:, skip : skip + n_ahead - gap] + shift
        # Use the same number of members throughout: they are equally likely.
        equal = np.resize(members, (n_members, *members.shape[1:]))
        foreseen = _join_members(past[at : at + gap], equal)
        if foreseen.shape[1] == n_ahead:
            usable.append(day)
            values.append(foreseen)
    issued = np.array(values).reshape(len(usable), *shape)
    return ForecastArchive(WIND, np.array(usable, dtype="datetime64[D]"), issued)


def _join_members(days: Array, members: Array) -> Array:
    """Return the known `days` and each member's, (n_members, n_days, n_columns), up to a gap."""
    values = np.concatenate([np.broadcast_to(days, (len(members), *days.shape)), members], axis=1)
    gaps = np.flatnonzero(~np.isfinite(values).all(axis=(0, 2)))
    return values[:, : gaps[0]] if len(gaps) else values
