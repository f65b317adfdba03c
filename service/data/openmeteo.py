"""Open-Meteo: past and forecast wind and waves at a few points.

Weather data by Open-Meteo.com, licensed under CC BY 4.0.
"""

__all__ = ["Service", "archive", "ensemble", "waves"]

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from service.core.clock import utc_now
from service.data.daily_weather import WAVES, WIND, Array, WeatherReading, daily_waves, daily_wind
from service.data.fetcher import Fetcher
from service.data.rules import is_possible
from service.data.source import SourceError, parse_json

_RECENT_DAYS = 60
"""Past days of the ensemble: the last five, which the reanalysis lacks, and for comparison."""
_AHEAD_DAYS = 15
_WAVE_DAYS = 7
_WIND_VARIABLES = ("wind_speed_10m", "wind_gusts_10m", "wind_direction_10m")
_RANGES = {"m/s": 140.0, "m": 40.0, "°": 360.0}
_UNITS = dict(zip(_WIND_VARIABLES, ("m/s", "m/s", "°"), strict=True)) | {"wave_height": "m"}
_LARGEST_BYTES = 30_000_000
_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Service:
    """How to request weather at `points`, (latitude, longitude), from Open-Meteo.

    `url` has ``{service}`` for the host name; `key` is a customer's, or empty.
    """

    fetcher: Fetcher
    points: tuple[tuple[float, float], ...]
    url: str = "https://{service}.open-meteo.com"
    key: str = field(default="", repr=False)

    def address(self, service: str, path: str) -> str:
        """Return the URL of `path` on the host `service`; customers have separate hosts."""
        name = f"customer-{service}" if self.key else service
        return self.url.format(service=name).rstrip("/") + path


def archive(service: Service, first: dt.date, last: dt.date) -> list[WeatherReading]:
    """Return past wind from the ERA5 reanalysis, which lacks the last days."""
    begin = first - _ONE_DAY  # a day includes the previous evening
    span = {"start_date": begin.isoformat(), "end_date": last.isoformat(), "models": "era5"}
    hours, stated, read_at = _hours(service, "archive-api", "/v1/archive", _WIND_VARIABLES, span)
    values = daily_wind(hours)
    if len(values) != 1 or stated != begin or values.shape[1] > (last - first).days + 1:
        expected, actual = f"one member from {first} to {last}", f"{len(values)} from {stated} on"
        raise SourceError("Open-Meteo, archive", expected, actual)
    return [_reading("archive", WIND, first, values, read_at)]


def ensemble(service: Service) -> list[WeatherReading]:
    """Return all members of the wind for 15 days from today, and their mean up to today."""
    span = {
        "models": "ecmwf_ifs025_ensemble",
        "past_days": str(_RECENT_DAYS + 1),
        "forecast_days": str(_AHEAD_DAYS),
    }
    hours, before, at = _hours(service, "ensemble-api", "/v1/ensemble", _WIND_VARIABLES, span)
    values, first = daily_wind(hours), before + _ONE_DAY
    n_days = np.isfinite(values).all(axis=2).sum(axis=1)
    # A member that lacks days would shorten all; one with an extra day is harmless.
    values = values[n_days >= np.median(n_days)]
    recent = _reading("recent", WIND, first, values[:, : _RECENT_DAYS + 1].mean(axis=0)[None], at)
    today = first + _RECENT_DAYS * _ONE_DAY
    return [_reading("ensemble", WIND, today, values[:, _RECENT_DAYS:], at), recent]


def waves(service: Service) -> list[WeatherReading]:
    """Return the forecast of the waves: a single one, as there are no documented members."""
    span = {"forecast_days": str(_WAVE_DAYS)}
    hours, first, read_at = _hours(service, "marine-api", "/v1/marine", ("wave_height",), span)
    return [_reading("waves", WAVES, first, daily_waves(hours)[:1], read_at)]


def _reading(
    kind: str, names: tuple[str, ...], first: dt.date, values: Array, read_at: dt.datetime
) -> WeatherReading:
    """Cut after the last known day; raise an error if there is none."""
    whole = np.flatnonzero(np.isfinite(values).all(axis=(0, 2)))
    if not len(whole):
        raise SourceError(f"Open-Meteo, {kind}", "a day with its hours", "none")
    return WeatherReading(kind, names, first, values[:, : whole[-1] + 1], read_at)


def _hours(
    service: Service, host: str, path: str, variables: tuple[str, ...], span: Mapping[str, str]
) -> tuple[Array, dt.date, dt.datetime]:
    """Values, shape (n_members, n_points, n_hours, n_variables), their first day and read time."""
    params = {
        "latitude": ",".join(str(latitude) for latitude, _ in service.points),
        "longitude": ",".join(str(longitude) for _, longitude in service.points),
        "hourly": ",".join(variables),
        "wind_speed_unit": "ms",
        "cell_selection": "sea",
        "timezone": "GMT",
        **span,
        **({"apikey": service.key} if service.key else {}),
    }
    url, n_points = service.address(host, path), len(service.points)
    answer = service.fetcher.get(url, ("application/json",), _LARGEST_BYTES, params)
    stated = parse_json(answer.content, answer.url)
    try:
        # For one point the answer is not a list.
        points = [_point(one, variables, url) for one in ([stated] if n_points == 1 else stated)]
        hours = np.stack([values for values, _ in points], axis=1)
    except SourceError:
        raise
    except Exception as error:  # any other structure
        fault = f"{type(error).__name__}: {error} in {str(stated)[:200]}"
        raise SourceError(answer.url, f"hours for each of {n_points} points", fault) from error
    firsts = {first for _, first in points}
    if len(points) != n_points or len(firsts) != 1:
        actual = f"{len(points)} points from {len(firsts)} days on"
        raise SourceError(answer.url, f"the same hours for each of {n_points} points", actual)
    return hours, points[0][1], utc_now()


def _point(stated: Any, variables: tuple[str, ...], where: str) -> tuple[Array, dt.date]:
    """Return hours of one point, shape (n_members, n_hours, n_variables), and their first day."""
    hourly, units = stated["hourly"], stated["hourly_units"]
    times = np.array(hourly["time"], "datetime64[m]")
    day = times[0].astype("datetime64[D]")
    is_hourly = (times == day + np.arange(len(times)) * np.timedelta64(1, "h")).all()
    is_utc = stated.get("utc_offset_seconds", 0) == 0
    if not (is_hourly and is_utc and len(times) % 24 == 0 and is_possible(day.item())):
        actual = f"{hourly['time'][:3]} …"[:200]
        raise SourceError(where, "every hour of whole days, in UTC", actual)
    # The control run has the bare name, the others a suffix `_member01` and so on.
    lead = variables[0]
    suffixes = sorted(key.removeprefix(lead) for key in hourly if key.startswith(lead))
    columns = []
    for variable in variables:
        place, unit = f"{where}, {variable}", _UNITS[variable]
        stated_units = {str(units[variable + suffix]) for suffix in suffixes}
        if stated_units != {unit}:
            raise SourceError(place, unit, ", ".join(sorted(stated_units))[:40])
        numbers = np.array([hourly[variable + suffix] for suffix in suffixes], dtype=np.float64)
        if numbers.shape != (len(suffixes), len(times)):
            raise SourceError(place, f"{len(times)} hours", f"{numbers.shape}")
        if ((numbers < 0) | (numbers > _RANGES[unit])).any():  # false for NaN, a missing hour
            extent = f"{np.nanmin(numbers):g} to {np.nanmax(numbers):g}"
            raise SourceError(place, f"0 to {_RANGES[unit]:g} {unit}", extent)
        columns.append(numbers)
    return np.stack(columns, axis=-1), day.item()
