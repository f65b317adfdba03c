"""Covariates as regression columns, in the past and along paths.

Members of a forecast are used as paths of the weather; beyond them past weather of the season is
drawn.
"""

from __future__ import annotations

__all__ = ["SEAS", "FittedWeather", "WeatherTerms", "season_days"]

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast.calendar import MEAN_YEAR
from forecast.covariates import Covariates
from forecast.postprocessing import correct_members
from forecast.series import Day

Array = npt.NDArray[np.float64]

SEAS = ("calm", "mixed", "rough")
"""Thirds of the days of a season; rough is where the first driver is highest."""

_RUN_DAYS = 21
_HALF_SEASON_DAYS = 20
_SEA_HALF_SEASON_DAYS = 45
_CANDIDATES = 8
"""Number of candidate runs for the first run of each path."""


@dataclass(frozen=True)
class WeatherTerms:
    """Columns made of each driver.

    Attributes
    ----------
    calm : float
        Threshold in standard deviations below which a lower value has an extra effect.
    bound : float
        Drivers are clipped to this many standard deviations from their mean.
    """

    calm: float = -0.5
    bound: float = 4.0

    def width(self, drivers: int) -> int:
        """Return the number of columns for `drivers` drivers; the last ones are yesterday's."""
        return 4 * drivers + drivers * (drivers - 1) // 2

    def fit(self, covariates: Covariates) -> tuple[FittedWeather, Array]:
        """Scale on the history; also return its columns, shape (n_days, width)."""
        raw = covariates.history
        mean, sd = raw.mean(axis=0), raw.std(axis=0)
        sd = np.where(sd > 1e-9 * (1.0 + np.abs(mean)), sd, np.inf)  # constants tell nothing
        past = np.clip((raw - mean) / sd, -self.bound, self.bound)
        future = np.clip((correct_members(covariates) - mean) / sd, -self.bound, self.bound)
        fitted = FittedWeather(self, mean, sd, past, covariates.data_through, future)
        return fitted, self.columns(past)

    def columns(self, drivers: Array) -> Array:
        """Columns of each day from `drivers`, shape (…, n_days, k), in standard deviations.

        The drivers, their squares, how far they are below `calm`, their pairwise products (those of
        the wind's components carry its direction), and yesterday's drivers.
        """
        first, second = np.triu_indices(drivers.shape[-1], 1)
        yesterday = np.zeros_like(drivers)
        yesterday[..., 1:, :] = drivers[..., :-1, :]
        return np.concatenate(
            [
                drivers,
                drivers * drivers - 1.0,
                np.maximum(self.calm - drivers, 0.0),
                drivers[..., first] * drivers[..., second],
                yesterday,
            ],
            axis=-1,
        )


@dataclass(frozen=True, eq=False)
class FittedWeather:
    """Scales, past and given futures, both in standard deviations.

    Attributes
    ----------
    past : ndarray, shape (n_days, k)
        Ends on the day `origin`.
    future : ndarray, shape (n_members, n_ahead, k)
    assumed : mapping of int to str
        What-if seas (`SEAS`) by days ahead, from 0, that replace the given weather; not part of
        the state.
    """

    terms: WeatherTerms
    mean: Array
    sd: Array
    past: Array
    origin: Day
    future: Array
    assumed: Mapping[int, str] = field(default_factory=dict)

    @property
    def covered_days(self) -> int:
        """Number of days ahead with given weather, regardless of assumptions."""
        return int(self.future.shape[1])

    def draw(self, horizon: int, n_paths: int, rng: np.random.Generator, lead: int = 0) -> Array:
        """Columns for each path and day, shape (n_paths, lead + horizon, width).

        Parameters
        ----------
        lead : int
            Number of past days, the same in every path, before the drawn days.

        Covered days come from a member. After them past weather of the season is drawn in runs, the
        first following a day like the member's last. An assumed day is any past day of its season
        and of that third.
        """
        covered = min(self.covered_days, horizon)
        given = self.future[rng.permutation(n_paths) % len(self.future), :covered]
        beyond = _season_runs(self.past, horizon, n_paths, rng, given)
        drivers = np.concatenate([given, beyond], axis=1)
        if self.assumed:
            (assumed_rng,) = rng.spawn(1)  # days without assumptions are drawn as usual
            for day, sea in self.assumed.items():
                if day < horizon:
                    of_sea = season_days(self.past, day + 1, sea)
                    drivers[:, day] = self.past[
                        of_sea[assumed_rng.integers(0, len(of_sea), n_paths)]
                    ]
        before = np.broadcast_to(
            self.past[-lead - 1 :], (n_paths, min(lead + 1, len(self.past)), drivers.shape[2])
        )
        return self.terms.columns(np.concatenate([before, drivers], axis=1))[:, 1:]

    def to_state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return JSON values and arrays."""
        values = {"terms": asdict(self.terms), "origin": str(self.origin)}
        return values, {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, Any]) -> FittedWeather:
        """Rebuild the result of `to_state`."""
        origin = np.datetime64(values["origin"], "D")
        return cls(
            WeatherTerms(**values["terms"]),
            origin=origin,
            **{name: arrays[name] for name in _ARRAYS},
        )


_ARRAYS = ("mean", "sd", "past", "future")


def _season_runs(
    past: Array, horizon: int, n_paths: int, rng: np.random.Generator, given: Array
) -> Array:
    """Draw past weather, in season, for the days after `given`, in runs of consecutive days.

    Parameters
    ----------
    past : ndarray, shape (n_days, k)
        Ends at the origin.
    given : ndarray, shape (n_paths, n_given, k)
        The first days; the first run follows a day like the last of them.

    Returns
    -------
    ndarray, shape (n_paths, horizon - n_given, k)
        Each run starts on the same day of a random past year, within 20 days; with less than two
        years of past, anywhere.
    """
    n, first = len(past), given.shape[1]
    out = np.empty((n_paths, horizon - first, past.shape[1]))
    for done in range(first, horizon, _RUN_DAYS):
        take = min(_RUN_DAYS, horizon - done)
        begin = _begins(n, 1 + done, take, (n_paths, _CANDIDATES if done == first else 1), rng)
        if done == first:
            last = given[:, -1] if first else np.broadcast_to(past[-1], (n_paths, past.shape[1]))
            apart = ((past[np.maximum(begin - 1, 0)] - last[:, None]) ** 2).sum(axis=2)
            begin = np.take_along_axis(begin, apart.argmin(axis=1)[:, None], axis=1)
        run = past[np.minimum(begin + np.arange(take), n - 1)]
        out[:, done - first : done - first + take] = run
    return out


def _begins(
    n: int, ahead: int, take: int, size: tuple[int, int], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Past days, of `n`, in the season of the day `ahead`, followed by at least `take` days."""
    earliest = int((ahead + take - 1 + _HALF_SEASON_DAYS) // MEAN_YEAR) + 1
    latest = int((n - 1 + ahead - _HALF_SEASON_DAYS) // MEAN_YEAR)
    most = max(n - take, 0)
    if latest < earliest:
        return rng.integers(0, most + 1, size=size)
    years = rng.integers(earliest, latest + 1, size=size)
    moved = rng.integers(-_HALF_SEASON_DAYS, _HALF_SEASON_DAYS + 1, size=size)
    begin = n - 1 + ahead - np.rint(years * MEAN_YEAR).astype(np.int64) + moved
    return np.asarray(np.clip(begin, 0, most))


def season_days(past: Array, ahead: int, sea: str) -> npt.NDArray[np.int64]:
    """Past days in the target day's season with sea state `sea`.

    Parameters
    ----------
    past : ndarray, shape (n_days, k)
        Drivers in standard deviations; the first increases with roughness, and each is weighted by
        its correlation with it, so that wind direction has little weight.
    sea : str
        One of `SEAS`.

    Returns
    -------
    ndarray, shape (n_found,)
        The calmest, middle or roughest third of the days within 45 of the same day of any year.
    """
    age = len(past) - 1 - np.arange(len(past)) + ahead
    apart = np.abs((age + MEAN_YEAR / 2) % MEAN_YEAR - MEAN_YEAR / 2)
    near = np.flatnonzero(apart <= _SEA_HALF_SEASON_DAYS)
    roughness = past @ (past * past[:, :1]).mean(axis=0)
    ranked = near[np.argsort(roughness[near], kind="stable")]
    return np.asarray(np.array_split(ranked, len(SEAS))[SEAS.index(sea)])
