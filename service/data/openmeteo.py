"""Open-Meteo: waves and wind at two points in the Dover Strait, past and coming.

Weather data by Open-Meteo.com, licensed under CC BY 4.0.
"""

from __future__ import annotations

__all__ = ["POINTS", "Service", "archive", "coming", "ensemble", "past_forecasts"]

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from service.data import daily_weather
from service.data.daily_weather import VARIABLES, Weather
from service.data.fetcher import Fetcher
from service.data.rules import is_possible
from service.data.source import FetchError, SourceError

POINTS = ((51.05, 1.65), (50.85, 1.30))
"""Latitude and longitude: between Calais and Dover, and between Boulogne and Dungeness."""

_SEA = tuple(VARIABLES)[:3]
_AIR = tuple(VARIABLES)[3:]
_DAYS = 7
_UNITS = {"m": "m", "kmh": "km/h"}
_LARGEST = {"m": 40.0, "kmh": 500.0}
_LARGEST_BYTES = 60_000_000
_ENSEMBLE_MODEL = "ecmwf_ifs025_ensemble"
Hours = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Service:
    """Where Open-Meteo is.

    Attributes
    ----------
    url : str
        With ``{service}`` for the name of the host: ``api``, ``marine-api``, ``ensemble-api``,
        ``archive-api`` or ``historical-forecast-api``.
    key : str
        Of a customer; empty for the free service, which is for non-commercial use.
    """

    url: str = "https://{service}.open-meteo.com"
    key: str = field(default="", repr=False)

    def address(self, service: str, path: str) -> str:
        """Address of `path` on the host `service`; customers have hosts of their own."""
        name = f"customer-{service}" if self.key else service
        return self.url.format(service=name).rstrip("/") + path


def archive(fetcher: Fetcher, service: Service, first: dt.date, last: dt.date) -> Weather:
    """The weather as it was, from reanalysis; the last five days or so are not there yet."""
    return _past(fetcher, service, "archive", ("archive-api", "/v1/archive"), first, last)


def past_forecasts(fetcher: Fetcher, service: Service, first: dt.date, last: dt.date) -> Weather:
    """The weather as it was foreseen hours before, as far back as it was kept (about 2022)."""
    where = ("historical-forecast-api", "/v1/forecast")
    return _past(fetcher, service, "past_forecast", where, first, last)


def coming(fetcher: Fetcher, service: Service) -> Weather:
    """The forecast for today and the six days after it."""
    span = {"forecast_days": str(_DAYS)}
    sea, began, _ = _hours(fetcher, service, ("marine-api", "/v1/marine"), _SEA, span)
    air, began_too, at = _hours(fetcher, service, ("api", "/v1/forecast"), _AIR, span)
    return _weather("forecast", [(sea, began), (air, began_too)], at, at)


def ensemble(fetcher: Fetcher, service: Service) -> Weather:
    """Equally likely futures of the wind for today and the six days after it."""
    span = {"forecast_days": str(_DAYS), "models": _ENSEMBLE_MODEL}
    hours, began, at = _hours(fetcher, service, ("ensemble-api", "/v1/ensemble"), _AIR, span)
    made_at = _run_began(fetcher, service) or at
    dates, values = daily_weather.daily(began, hours)
    _some(dates, "ensemble")
    return Weather("ensemble", daily_weather.MEMBER_NAMES, dates, values, min(made_at, at), at)


def _past(
    fetcher: Fetcher,
    service: Service,
    kind: str,
    where: tuple[str, str],
    first: dt.date,
    last: dt.date,
) -> Weather:
    span = {"start_date": first.isoformat(), "end_date": last.isoformat()}
    # The marine service answers for the past too; its reanalysis is a model to be named.
    sea_span = span | ({"models": "era5_ocean"} if kind == "archive" else {})
    sea, began, _ = _hours(fetcher, service, ("marine-api", "/v1/marine"), _SEA, sea_span)
    air, began_too, at = _hours(fetcher, service, where, _AIR, span)
    weather = _weather(kind, [(sea, began), (air, began_too)], at, at)
    if weather.dates[0] < first or weather.dates[-1] > last:
        span_stated = f"{weather.dates[0]} to {weather.dates[-1]}"
        raise SourceError(f"Open-Meteo, {kind}", f"days from {first} to {last}", span_stated)
    return weather


def _weather(
    kind: str, parts: list[tuple[Hours, dt.date]], made_at: dt.datetime, at: dt.datetime
) -> Weather:
    """Put sea and air side by side on the days that both have."""
    members = [len(hours) for hours, _ in parts]
    if members != [1, 1]:
        raise SourceError(f"Open-Meteo, {kind}", "one member for sea and air", f"{members}")
    first = max(began for _, began in parts)
    cut = [hours[:, :, 24 * (first - began).days :] for hours, began in parts]
    length = min(hours.shape[2] for hours in cut)
    dates, values = daily_weather.daily(
        first, np.concatenate([h[:, :, :length] for h in cut], axis=3)
    )
    _some(dates, kind)
    return Weather(kind, daily_weather.NAMES, dates, values, made_at, at)


def _some(dates: Sequence[dt.date], kind: str) -> None:
    if not dates:
        raise SourceError(f"Open-Meteo, {kind}", "a day of which every hour is known", "none")


def _hours(
    fetcher: Fetcher,
    service: Service,
    where: tuple[str, str],
    variables: tuple[str, ...],
    span: Mapping[str, str],
) -> tuple[Hours, dt.date, dt.datetime]:
    """Hours of shape (n_members, n_points, n_hours, n_variables), their first day, and when."""
    params = {
        "latitude": ",".join(str(latitude) for latitude, _ in POINTS),
        "longitude": ",".join(str(longitude) for _, longitude in POINTS),
        "hourly": ",".join(variables),
        "cell_selection": "sea",
        "timezone": "GMT",
        **span,
        **({"apikey": service.key} if service.key else {}),
    }
    answer = fetcher.get(service.address(*where), ("application/json",), _LARGEST_BYTES, params)
    try:
        stated = json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise SourceError(answer.url, "JSON", str(error)[:200]) from error
    try:
        points = [_point(one, variables, answer.url) for one in stated]
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        if isinstance(error, SourceError):
            raise
        fault = f"{type(error).__name__}: {error}"[:200]
        raise SourceError(answer.url, "hours for each of two points", fault) from error
    shapes = {(hours.shape, began) for hours, began in points}
    if len(points) != len(POINTS) or len(shapes) != 1:
        expected = f"the same hours for each of {len(POINTS)} points"
        raise SourceError(answer.url, expected, f"{len(points)} points, {len(shapes)} shapes")
    return np.stack([hours for hours, _ in points], axis=1), points[0][1], answer.fetched_at


def _point(stated: Any, variables: tuple[str, ...], where: str) -> tuple[Hours, dt.date]:
    """Hours of one point, shape (n_members, n_hours, n_variables), and their first day."""
    hourly, units = stated["hourly"], stated["hourly_units"]
    times = [dt.datetime.fromisoformat(text) for text in hourly["time"]]
    hour = dt.timedelta(hours=1)
    if (
        not times
        or not is_possible(times[0])
        or len(times) % 24
        or times[0].tzinfo is not None
        or any(time != times[0] + at * hour for at, time in enumerate(times))
        or times[0].hour
        or stated.get("utc_offset_seconds", 0) != 0
    ):
        raise SourceError(
            where, "every hour of whole days, in UTC", f"{hourly['time'][:3]} …"[:200]
        )
    members = sorted(key for key in hourly if key.startswith(f"{variables[0]}_member"))
    suffixes = ["", *(key.removeprefix(variables[0]) for key in members)]
    columns = []
    for variable in variables:
        unit = VARIABLES[variable]
        if units[variable] != _UNITS[unit]:
            raise SourceError(f"{where}, {variable}", _UNITS[unit], str(units[variable])[:40])
        numbers = np.array([hourly[variable + suffix] for suffix in suffixes], dtype=np.float64)
        if numbers.shape != (len(suffixes), len(times)):
            raise SourceError(f"{where}, {variable}", f"{len(times)} hours", f"{numbers.shape}")
        finite = numbers[np.isfinite(numbers)]
        if ((finite < 0) | (finite > _LARGEST[unit])).any():
            extent = f"{finite.min():g} to {finite.max():g}"
            raise SourceError(f"{where}, {variable}", f"0 to {_LARGEST[unit]:g} {unit}", extent)
        columns.append(numbers)
    return np.stack(columns, axis=-1), times[0].date()


def _run_began(fetcher: Fetcher, service: Service) -> dt.datetime | None:
    """Start of the ensemble's newest run; None when the service does not state it."""
    address = service.address("ensemble-api", f"/data/{_ENSEMBLE_MODEL}/static/meta.json")
    params = {"apikey": service.key} if service.key else None
    try:
        stated = json.loads(fetcher.get(address, ("application/json",), 100_000, params).content)
        began = dt.datetime.fromtimestamp(stated["last_run_initialisation_time"], dt.UTC)
        return began if is_possible(began) else None
    except (
        FetchError,
        ValueError,
        KeyError,
        TypeError,
        OverflowError,
        OSError,
        RecursionError,
    ):
        return None
