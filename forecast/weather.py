"""From covariates to regression columns, in the past and along paths.

A day's columns are its drivers in standard deviations, their squares, and the means of the days
just before: people wait through rough days and then leave together.
"""

from __future__ import annotations

__all__ = ["FittedWeather", "WeatherTerms", "season_runs"]

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast.calendar import MEAN_YEAR
from forecast.covariates import Covariates
from forecast.series import Day

Array = npt.NDArray[np.float64]

_RUN_DAYS = 21
_HALF_SEASON_DAYS = 20


@dataclass(frozen=True)
class WeatherTerms:
    """Which columns are made of each driver.

    Attributes
    ----------
    squares : bool
        Whether the squares of the drivers enter too.
    wait_days : tuple of int
        The means of so many days before the day enter as well.
    bound : float
        Drivers are held within so many standard deviations of their mean.
    """

    squares: bool = True
    wait_days: tuple[int, ...] = (1, 5)
    bound: float = 3.0

    def width(self, drivers: int) -> int:
        """Number of columns of so many drivers."""
        return drivers * (1 + self.squares + len(self.wait_days))

    def fit(self, covariates: Covariates) -> tuple[FittedWeather, Array]:
        """Scale on the history; also returns its columns, shape (n_days, width)."""
        raw = covariates.history
        mean, sd = raw.mean(axis=0), raw.std(axis=0)
        sd = np.where(sd > 0, sd, 1.0)
        past = self.scaled(raw, mean, sd)
        future = self.scaled(covariates.future, mean, sd)
        fitted = FittedWeather(self, mean, sd, past, covariates.data_through, future)
        return fitted, self.columns(past)

    def scaled(self, raw: Array, mean: Array, sd: Array) -> Array:
        """`raw` in standard deviations, within the bound."""
        return np.clip((raw - mean) / sd, -self.bound, self.bound)

    def columns(self, drivers: Array) -> Array:
        """Columns of each day from `drivers`, shape (…, n_days, k), in standard deviations."""
        parts = [drivers]
        if self.squares:
            parts.append(drivers * drivers - 1.0)
        before, lag = np.zeros_like(drivers), 0
        for days in sorted(self.wait_days):
            while lag < days:
                lag += 1
                before[..., lag:, :] += drivers[..., :-lag, :]
            parts.append(before / days)
        return np.concatenate(parts, axis=-1)


@dataclass(frozen=True, eq=False)
class FittedWeather:
    """Scales, the past and the given futures, both in standard deviations.

    Attributes
    ----------
    past : ndarray, shape (n_days, k)
        Ends on the day `origin`.
    future : ndarray, shape (n_members, n_ahead, k)
    """

    terms: WeatherTerms
    mean: Array
    sd: Array
    past: Array
    origin: Day
    future: Array

    @property
    def covered_days(self) -> int:
        """Days ahead for which there are members."""
        return int(self.future.shape[1])

    def draw(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Array:
        """Columns for each path and day, shape (n_paths, horizon, width).

        Covered days are those of a member; beyond them the season's past weather is drawn in
        runs of days, never as a mean: it is the run of calm days that makes a week.
        """
        drivers = season_runs(self.past, 1, horizon, n_paths, rng)
        covered = min(self.covered_days, horizon)
        if covered:
            member = rng.permutation(n_paths) % len(self.future)
            drivers[:, :covered] = self.future[member, :covered]
        lead = max(self.terms.wait_days, default=0)
        if lead:
            before = np.broadcast_to(self.past[-lead:], (n_paths, lead, drivers.shape[2]))
            drivers = np.concatenate([before, drivers], axis=1)
        return self.terms.columns(drivers)[:, lead:]

    def to_state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """JSON-ready values, and arrays."""
        values = {"terms": asdict(self.terms), "origin": str(self.origin)}
        return values, {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, Any]) -> FittedWeather:
        """Rebuild what `to_state` returned."""
        terms = values["terms"] | {"wait_days": tuple(values["terms"]["wait_days"])}
        origin = np.datetime64(values["origin"], "D")
        return cls(WeatherTerms(**terms), origin=origin, **{name: arrays[name] for name in _ARRAYS})


_ARRAYS = ("mean", "sd", "past", "future")


def season_runs(
    past: Array, first: int, length: int, n_paths: int, rng: np.random.Generator
) -> Array:
    """Past weather of the season, in runs of consecutive days.

    Parameters
    ----------
    past : ndarray, shape (n_days, k)
        Ends at the origin.
    first, length : int
        The days wanted: `first` days after the origin, and so many.

    Returns
    -------
    ndarray, shape (n_paths, length, k)
        Each run begins on the same day of a random past year, give or take 20 days; with less
        than two years of past, anywhere.
    """
    n = len(past)
    out = np.empty((n_paths, length, past.shape[1]))
    for done in range(0, length, _RUN_DAYS):
        take = min(_RUN_DAYS, length - done)
        ahead = first + done
        earliest = int((ahead + take - 1 + _HALF_SEASON_DAYS) // MEAN_YEAR) + 1
        latest = int((n - 1 + ahead - _HALF_SEASON_DAYS) // MEAN_YEAR)
        if latest < earliest:
            begin = rng.integers(0, max(n - take, 0) + 1, size=n_paths)
        else:
            years = rng.integers(earliest, latest + 1, size=n_paths)
            moved = rng.integers(-_HALF_SEASON_DAYS, _HALF_SEASON_DAYS + 1, size=n_paths)
            begin = n - 1 + ahead - np.rint(years * MEAN_YEAR).astype(np.int64) + moved
            begin = np.clip(begin, 0, max(n - take, 0))
        out[:, done : done + take] = past[np.minimum(begin[:, None] + np.arange(take), n - 1)]
    return out
