"""From covariates to regression columns, in the past and along paths.

Members of a forecast are taken as paths of the weather; beyond them the season's past is drawn.
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
"""Thirds of the days of a season: what is high where the first driver is high is rough."""

_RUN_DAYS = 21
_HALF_SEASON_DAYS = 20
_SEA_HALF_SEASON_DAYS = 45
_CANDIDATES = 8
"""Runs that each path chooses its first from."""


@dataclass(frozen=True)
class WeatherTerms:
    """Which columns are made of each driver.

    Attributes
    ----------
    calm : float
        From so many standard deviations on, a lower value has an effect of its own.
    bound : float
        Drivers are held within so many standard deviations of their mean.
    """

    calm: float = -0.5
    bound: float = 4.0

    def width(self, drivers: int) -> int:
        """Number of columns of so many drivers; the last `drivers` are those of yesterday."""
        return 4 * drivers + drivers * (drivers - 1) // 2

    def fit(self, covariates: Covariates) -> tuple[FittedWeather, Array]:
        """Scale on the history; also returns its columns, shape (n_days, width)."""
        raw = covariates.history
        mean, sd = raw.mean(axis=0), raw.std(axis=0)
        sd = np.where(sd > 1e-9 * (1.0 + np.abs(mean)), sd, np.inf)  # a constant tells nothing
        past = np.clip((raw - mean) / sd, -self.bound, self.bound)
        future = np.clip((correct_members(covariates) - mean) / sd, -self.bound, self.bound)
        fitted = FittedWeather(self, mean, sd, past, covariates.data_through, future)
        return fitted, self.columns(past)

    def columns(self, drivers: Array) -> Array:
        """Columns of each day from `drivers`, shape (…, n_days, k), in standard deviations.

        The drivers, their squares, how far they lie below `calm`, their products two by two (the
        direction of the wind is in those of its components), and yesterday's drivers.
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
    """Scales, the past and the given futures, both in standard deviations.

    Attributes
    ----------
    past : ndarray, shape (n_days, k)
        Ends on the day `origin`.
    future : ndarray, shape (n_members, n_ahead, k)
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
    assumed: Mapping[int, str] = field(default_factory=dict)

    @property
    def covered_days(self) -> int:
        """Days ahead for which something is given, whatever is assumed."""
        return int(self.future.shape[1])

    def draw(self, horizon: int, n_paths: int, rng: np.random.Generator, lead: int = 0) -> Array:
        """Columns for each path and day, shape (n_paths, lead + horizon, width).

        Parameters
        ----------
        lead : int
            Days of the past, the same in every path, that come before the days drawn.

        A covered day is a member's. Beyond the covered days the season's past weather is drawn in
        runs, the first of them from behind a day like the member's last. A day that is assumed is
        any past day of its season and of that third.
        """
        covered = min(self.covered_days, horizon)
        given = self.future[rng.permutation(n_paths) % len(self.future), :covered]
        beyond = _season_runs(self.past, horizon, n_paths, rng, given)
        drivers = np.concatenate([given, beyond], axis=1)
        if self.assumed:
            (own,) = rng.spawn(1)  # what is not assumed is drawn as ever
            for day, sea in self.assumed.items():
                if day < horizon:
                    of_sea = season_days(self.past, day + 1, sea)
                    drivers[:, day] = self.past[of_sea[own.integers(0, len(of_sea), n_paths)]]
        before = np.broadcast_to(
            self.past[-lead - 1 :], (n_paths, min(lead + 1, len(self.past)), drivers.shape[2])
        )
        return self.terms.columns(np.concatenate([before, drivers], axis=1))[:, 1:]

    def to_state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """JSON-ready values, and arrays."""
        values = {"terms": asdict(self.terms), "origin": str(self.origin)}
        return values, {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, Any]) -> FittedWeather:
        """Rebuild what `to_state` returned."""
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
    """Past weather of the season of the days behind `given`, in runs of consecutive days.

    Parameters
    ----------
    past : ndarray, shape (n_days, k)
        Ends at the origin.
    given : ndarray, shape (n_paths, n_given, k)
        The first days; the first run begins behind a day like the last of them.

    Returns
    -------
    ndarray, shape (n_paths, horizon - n_given, k)
        Each run begins on the same day of a random past year, give or take 20 days; with less
        than two years of past, anywhere.
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
    """Past days, of `n`, of the season of the day `ahead`, with `take` days from each on."""
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
    """Which days of the past have the season of the day `ahead` days after it, and that sea.

    Parameters
    ----------
    past : ndarray, shape (n_days, k)
        Drivers in standard deviations; the first grows with the roughness of the sea, and each
        counts by its correlation with it, so that the direction of the wind counts little.
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
