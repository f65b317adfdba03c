"""From covariates to regression columns, in the past and along paths.

A day's columns are its drivers in standard deviations, their squares, and the means of the days
just before: people wait through rough days and then leave together.
"""

from __future__ import annotations

__all__ = ["SEAS", "FittedWeather", "WeatherTerms", "error_growth", "season_days"]

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast.calendar import MEAN_YEAR
from forecast.covariates import Covariates
from forecast.series import Day

Array = npt.NDArray[np.float64]

SEAS = ("calm", "mixed", "rough")
"""Thirds of the days of a season, by the mean of their drivers: what is high is rough."""

_RUN_DAYS = 21
_HALF_SEASON_DAYS = 20
_SEA_HALF_SEASON_DAYS = 45
_PRIOR_GROWTH = 0.05


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
    wait_days: tuple[int, ...] = (1, 10)
    bound: float = 3.0

    def width(self, drivers: int) -> int:
        """Number of columns of so many drivers."""
        return drivers * (1 + self.squares + len(self.wait_days))

    def fit(self, covariates: Covariates) -> tuple[FittedWeather, Array]:
        """Scale on the history; also returns its columns, shape (n_days, width)."""
        raw = covariates.history
        mean, sd = raw.mean(axis=0), raw.std(axis=0)
        sd = np.where(sd > 0, sd, 1.0)
        past = np.clip((raw - mean) / sd, -self.bound, self.bound)
        future = (covariates.future - mean) / sd
        trust = 1.0 / (1.0 + (error_growth(past, future) * _leads(future)) ** 2)
        future = np.clip(future, -self.bound, self.bound)
        fitted = FittedWeather(self, mean, sd, past, covariates.data_through, future, trust)
        return fitted, self.columns(past)

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
    trust : ndarray, shape (n_ahead,)
        Share of a member's departure from the season that is believed on each day.
    assumed : mapping of int to str
        One of `SEAS` for some of the days ahead, counted from 0, in the place of what is given;
        a what-if, which is not kept with the rest.
    """

    terms: WeatherTerms
    mean: Array
    sd: Array
    past: Array
    origin: Day
    future: Array
    trust: Array
    assumed: Mapping[int, str] = field(default_factory=dict)

    @property
    def covered_days(self) -> int:
        """Days ahead for which something is given, whatever is assumed."""
        return int(self.future.shape[1])

    def draw(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Array:
        """Columns for each path and day, shape (n_paths, horizon, width).

        A covered day is the season's mean, the trusted share of the member's departure from it,
        and a run of the season's past weather scaled to what the trust leaves open. Beyond the
        covered days the run alone remains, never a mean: it is the run of calm days that makes a
        week. A day that is assumed is any past day of its season and of that third.

        References
        ----------
        Carroll, Ruppert, Stefanski and Crainiceanu (2006), Measurement Error in Nonlinear Models,
        chapter 4.
        """
        drivers = _season_runs(self.past, horizon, n_paths, rng)
        covered = min(self.covered_days, horizon)
        if covered:
            member = rng.permutation(n_paths) % len(self.future)
            given, trust = self.future[member, :covered], self.trust[:covered, None]
            centre = drivers[:, :covered].mean(axis=0)
            drivers[:, :covered] = (
                centre
                + trust * (given - centre)
                + np.sqrt(1.0 - trust) * (drivers[:, :covered] - centre)
            )
        if self.assumed:
            (own,) = rng.spawn(1)  # what is not assumed is drawn as ever
            for day, sea in self.assumed.items():
                if day < horizon:
                    of_sea = season_days(self.past, day + 1, sea)
                    drivers[:, day] = self.past[of_sea[own.integers(0, len(of_sea), n_paths)]]
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


_ARRAYS = ("mean", "sd", "past", "future", "trust")


def error_growth(past: Array, future: Array) -> float:
    """Error of the members, in standard deviations per day of lead, as their roughness tells it.

    Errors that grow with the lead make a future jump from day to day more than the weather ever
    has: independent errors of standard deviation ``g * lead`` add ``g**2 (d**2 + (d - 1)**2)`` to
    the variance of the change into lead d. The posterior mode of g on a grid, under an exponential
    prior of mean 0.05; smooth futures give 0. Errors that are smooth themselves are not seen.

    Parameters
    ----------
    past : ndarray, shape (n_days, k)
    future : ndarray, shape (n_members, n_ahead, k)
        Both in standard deviations.
    """
    if future.shape[1] < 3 or len(past) < 30:
        return 0.0
    usual = np.diff(past, axis=0).var(axis=0) + 1e-6  # (k,)
    lead = np.arange(2.0, future.shape[1] + 1.0)[:, None]
    jumps = np.diff(future, axis=1) ** 2  # (n_members, n_ahead - 1, k)
    grid = np.concatenate([np.linspace(0.0, 0.4, 41), np.linspace(0.45, 1.0, 12)])
    scores = []
    for growth in grid:
        variance = usual + growth**2 * (lead**2 + (lead - 1.0) ** 2)  # (n_ahead - 1, k)
        fit = -0.5 * (np.log(variance) + jumps / variance).mean(axis=(0, 1))  # (k,)
        scores.append(float(fit.mean()) * len(lead) - growth / _PRIOR_GROWTH)
    return float(grid[int(np.argmax(scores))])


def _leads(future: Array) -> Array:
    return np.arange(1.0, future.shape[1] + 1.0)


def _season_runs(past: Array, length: int, n_paths: int, rng: np.random.Generator) -> Array:
    """Past weather of the season of the next `length` days, in runs of consecutive days.

    Parameters
    ----------
    past : ndarray, shape (n_days, k)
        Ends at the origin.

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
        ahead = 1 + done
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


def season_days(past: Array, ahead: int, sea: str) -> npt.NDArray[np.int64]:
    """Which days of the past have the season of the day `ahead` days after it, and that sea.

    Parameters
    ----------
    past : ndarray, shape (n_days, k)
        Drivers that grow with the roughness of the sea, in standard deviations.
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
    ranked = near[np.argsort(past[near].mean(axis=1), kind="stable")]
    return np.asarray(np.array_split(ranked, len(SEAS))[SEAS.index(sea)])
