"""Hurdle with several half-lives, and with weather if available.

Whether anyone arrives is a logistic regression; how many is a Gamma regression with resampled
residual ratios. Both use the season, Saturday, the recent past and the weather; the recent past of
a path consists of its own simulated days.
"""

from __future__ import annotations

__all__ = ["FittedLevelHurdle", "LevelHurdle"]

from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast import serialize
from forecast.calendar import harmonics, weekday
from forecast.covariates import Covariates
from forecast.crossability import (
    RECENT_DAYS,
    crossability,
    crossability_columns,
    fit_crossability,
)
from forecast.forecasters.base import LEAST_DAYS, FitError, State, require_days, whole_people
from forecast.lag_features import Memory, MemoryState, winsorise
from forecast.paths import Paths
from forecast.regression import fit_sizes, logistic, logistic_regression, scaled_ridge
from forecast.series import ONE_DAY, DailySeries, Day
from forecast.strata import stratified_uniforms
from forecast.weather import FittedWeather, WeatherTerms

Array = npt.NDArray[np.float64]

_SATURDAY = 5
_FEWEST_WEATHER_DAYS = 365
_TYPICAL_DAYS = 365
_LEFT_OUT = 1e9
"""Ridge of a column that has no part."""
_MOST_LOG = 25.0  # far above every cap: it keeps the exponential finite, no more


@dataclass(frozen=True)
class LevelHurdle:
    """Hyperparameters; ridge strengths are in standard deviations of a column.

    Levels, shares, lags, weights of days and `ridge` apply without weather.

    Attributes
    ----------
    levels, shares : tuple of float
        Half-lives in days of the levels and of the shares of days with arrivals.
    lags : int
        Number of single past days used.
    harmonics : int
        Annual harmonics in both parts.
    weight_half_life_days : float
        Age in days at which a day's weight halves.
    window_days : int
        Older days are not used.
    ridge, level_ridge, weather_ridge : float
        Strengths of the penalties.
    level_slack : float
        Margin by which log levels in paths may exceed their past range.
    size_cap : float
        Maximum of a day, as a multiple of the largest in the window.

    References
    ----------
    Mullahy (1986), Journal of Econometrics 33(3); McCullagh and Nelder (1989), Generalized Linear
    Models, chapters 4 and 8.
    """

    levels: tuple[float, ...] = (20.0,)
    shares: tuple[float, ...] = (3.0, 10.0)
    lags: int = 3
    harmonics: int = 1
    weight_half_life_days: float = 540.0
    window_days: int = 1650
    ridge: float = 10.0
    level_ridge: float = 10.0
    weather_ridge: float = 2.5
    level_slack: float = 0.3
    size_cap: float = 2.0

    @property
    def memory(self) -> Memory:
        """The features of the recent past."""
        return Memory(self.levels, self.shares, self.lags)

    def fit(self, series: DailySeries, covariates: Covariates | None = None) -> FittedLevelHurdle:
        """Fit both parts; needs 60 days, and a year if covariates are given.

        Raises
        ------
        FitError
            If the series or the history of the covariates is too short, or they end apart.
        """
        require_days(series, LEAST_DAYS, "level_hurdle")
        if covariates is not None:
            # Recent counts mostly repeat the weather: use fewer, and fit the weather closer.
            self = replace(
                self, levels=(60.0,), shares=(), lags=1, weight_half_life_days=365.0, ridge=5.0
            )
        y = winsorise(series.values.astype(np.float64), self.window_days)
        n = len(y)
        first = max(min(30, n // 3), n - self.window_days)
        season = self.season(series.dates[first:])
        states = self.memory.states(y)
        remembered = self.memory.features(states)[first - 1 :]  # row t: known before day first + t
        x = np.hstack([season, remembered[:-1]])
        strength = np.full(x.shape[1], self.ridge)
        k, n_levels = season.shape[1], len(self.levels)
        strength[k : k + n_levels] = self.level_ridge
        target = y[first:]
        weights = 0.5 ** (np.arange(len(target))[::-1] / self.weight_half_life_days)
        weather, crossing, strengths = None, np.zeros(0), (strength, strength)
        if covariates is not None:
            weather, columns = self._weather(series, covariates)
            rows = min(len(columns), len(target))  # days with weather
            x, target, weights = x[-rows:], target[-rows:], weights[-rows:]
            happened = (target > 0).astype(np.float64)
            crossing = fit_crossability(columns[-rows:], happened, weights, self.weather_ridge)
            chances = crossability_columns(crossability(columns, crossing))[-rows:]
            waiting = chances[:, 1] * (1.0 - x[:, k + self.memory.n_means])
            x = np.hstack([x, columns[-rows:], chances, waiting[:, None]])
            added = np.full(x.shape[1] - len(strength), self.weather_ridge)
            strengths = (np.append(strength, added), np.append(strength, added))
            # The size depends only on the covariates and their squares.
            size_only = len(strength) + 2 * len(covariates.names)
            strengths[1][size_only : len(strength) + columns.shape[1]] = _LEFT_OUT
        busy, past = target > 0, remembered[:-1, :n_levels]
        size, ratios, ratio_shares = fit_sizes(x[busy], target[busy], weights[busy], strengths[1])
        penalty = scaled_ridge(x, weights, strengths[0])
        return FittedLevelHurdle(
            hyper=self,
            origin=series.data_through,
            coefficients=np.stack(
                [logistic_regression(x, busy.astype(np.float64), weights, penalty), size]
            ),
            ratios=ratios,
            ratio_shares=ratio_shares,
            state=states[:, -1].copy(),
            typical=self._typical(states),
            level_bounds=np.stack(
                [past.min(axis=0) - self.level_slack, past.max(axis=0) + self.level_slack]
            ),
            cap=self.size_cap * max(float(y[first:].max()), 1.0),
            weather=weather,
            crossing=crossing,
        )

    def season(self, days: npt.NDArray[np.datetime64]) -> Array:
        """Constant, Saturday and harmonics, shape (n_days, 2 + 2 * harmonics)."""
        saturday = (weekday(days) == _SATURDAY).astype(np.float64)
        return np.column_stack([np.ones(len(days)), saturday, harmonics(days, self.harmonics)])

    def _weather(self, series: DailySeries, covariates: Covariates) -> tuple[FittedWeather, Array]:
        if covariates.data_through != series.data_through:
            raise FitError(
                f"the history of the covariates must end on {series.data_through}, "
                f"found {covariates.data_through}"
            )
        days = len(covariates.history)
        if days < _FEWEST_WEATHER_DAYS:
            raise FitError(f"covariates need {_FEWEST_WEATHER_DAYS} days of history, found {days}")
        return WeatherTerms().fit(covariates)

    def _typical(self, states: Array) -> Array:
        """Every sixth state of the last year, shape (n_days, n_means + lags).

        Every seventh would be of one day of the week.
        """
        first = max(states.shape[1] - _TYPICAL_DAYS, self.lags)
        return states[:, first::6].T.copy()


@dataclass(frozen=True, eq=False)
class FittedLevelHurdle:
    """The fitted coefficients, and the state at the origin.

    Attributes
    ----------
    coefficients : ndarray, shape (2, k)
        For any arrivals, and for their number.
    ratios, ratio_shares : ndarray, shape (n_busy,)
        Residual ratios in increasing order, and their probabilities.
    state : ndarray, shape (n_means + lags,)
    typical : ndarray, shape (n_days, n_means + lags)
        States of the last year, used to explain how today differs.
    level_bounds : ndarray, shape (2, n_levels)
    crossing : ndarray, shape (1 + width,)
        Coefficients of crossability; empty without weather.
    """

    hyper: LevelHurdle
    origin: Day
    coefficients: Array
    ratios: Array
    ratio_shares: Array
    state: Array
    typical: Array
    level_bounds: Array
    cap: float
    weather: FittedWeather | None
    crossing: Array

    @property
    def covered_days(self) -> int:
        """Number of days ahead with weather."""
        return 0 if self.weather is None else self.weather.covered_days

    def with_weather(self, seas: Mapping[int, str]) -> FittedLevelHurdle:
        """Return a copy with calm, mixed or rough days, by days ahead from 0."""
        if self.weather is None:
            return self
        return replace(self, weather=replace(self.weather, assumed=dict(seas)))

    @property
    def factors(self) -> tuple[str, ...]:
        """Factors that explain the forecast."""
        weather = ("weather",) if self.covered_days else ()
        return ("season", "recent level", "yesterday", "day of week", *weather)

    def simulate(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Paths:
        """Simulate day by day; each path remembers its own counts."""
        return Paths(self.origin + ONE_DAY, whole_people(self._draw(horizon, n_paths, rng, set())))

    def mean_without(
        self, absent: Set[str], horizon: int, n_paths: int, rng: np.random.Generator
    ) -> Array:
        """Mean forecast with any past values for the factors `absent`, (horizon,)."""
        return np.asarray(self._draw(horizon, n_paths, rng, absent).mean(axis=0))

    def _draw(
        self, horizon: int, n_paths: int, rng: np.random.Generator, absent: Set[str]
    ) -> Array:
        memory = self.hyper.memory
        k = 2 + 2 * self.hyper.harmonics
        m = k + memory.width
        calendar = self._calendar(horizon, n_paths, absent)
        drivers, yesterday = None, np.zeros((n_paths, 0))
        if self.weather is not None:
            drivers, yesterday = self._drivers(horizon, n_paths, rng, absent, m)
        recent = MemoryState(memory, self._begin(n_paths, rng, absent), n_paths)
        steps = np.cumsum(self.ratio_shares)
        paths = np.empty((horizon, n_paths))
        for day in range(horizon):
            eta = self.coefficients[:, k:m] @ recent.features(*self.level_bounds)  # (2, n_paths)
            eta += calendar[day]
            if drivers is not None:
                eta += drivers[day]
                # People who could have left yesterday but did not are still waiting.
                waiting = yesterday[:, day] * (1.0 - recent.busy_yesterday)
                eta += self.coefficients[:, -1:] * waiting
            busy = stratified_uniforms(n_paths, rng) < logistic(eta[0])
            picks = np.searchsorted(steps, stratified_uniforms(n_paths, rng))
            ratio = self.ratios[np.minimum(picks, len(steps) - 1)]
            size = np.rint(np.exp(np.minimum(eta[1], _MOST_LOG)) * ratio)
            paths[day] = np.where(busy, np.clip(size, 1.0, self.cap), 0.0)
            recent.step(paths[day])
        return np.ascontiguousarray(paths.T)

    def _drivers(
        self, horizon: int, n_paths: int, rng: np.random.Generator, absent: Set[str], m: int
    ) -> tuple[Array, Array]:
        """Weather effect on both parts, (horizon, 2, n_paths), and yesterday's crossability."""
        assert self.weather is not None
        given = self.weather.future[:, : 0 if "weather" in absent else None]
        weather = replace(self.weather, future=given)
        columns = weather.draw(horizon, n_paths, rng, lead=RECENT_DAYS)
        end = m + columns.shape[2]
        # One product for both parts and crossability: the columns are the largest array.
        together = np.vstack([self.coefficients[:, m:end], self.crossing[1:]])
        terms = columns.reshape(-1, columns.shape[2]) @ together.T
        terms = terms.reshape(n_paths, -1, 3)
        chance = logistic(self.crossing[0] + terms[:, :, 2])
        chances = crossability_columns(chance)[:, RECENT_DAYS:]
        parts = terms[:, RECENT_DAYS:, :2] + chances @ self.coefficients[:, end:-1].T
        return np.ascontiguousarray(parts.transpose(1, 2, 0)), chances[:, :, 1]

    def _calendar(self, horizon: int, n_paths: int, absent: Set[str]) -> Array:
        """Effect of season and weekday on both parts, shape (horizon, 2, 1 or n_paths)."""
        days = self.origin + np.arange(1, horizon + 1) * ONE_DAY
        columns = self.hyper.season(days)[:, :, None]  # (horizon, k, 1)
        if "season" in absent:  # each path gets a random season
            shift = np.arange(n_paths) * 365 // n_paths
            shifted = (days[:, None] + shift * ONE_DAY).reshape(-1)
            waves = self.hyper.season(shifted)[:, 2:].reshape(horizon, n_paths, -1)
            columns = np.concatenate(
                [np.repeat(columns[:, :2], n_paths, axis=2), waves.transpose(0, 2, 1)], axis=1
            )
        if "day of week" in absent:
            columns = columns.copy()
            columns[:, 1] = 1.0 / 7.0
        k = columns.shape[1]
        terms = np.einsum("bk,hkp->hbp", self.coefficients[:, :k], columns, optimize=True)
        return np.asarray(terms)

    def _begin(self, n_paths: int, rng: np.random.Generator, absent: Set[str]) -> Array:
        """Return the initial state, for all paths or for each."""
        if not absent & {"recent level", "yesterday"}:
            return self.state
        begin = np.repeat(self.state[:, None], n_paths, axis=1)
        means = self.hyper.memory.n_means
        for factor, part in (("recent level", slice(0, means)), ("yesterday", slice(means, None))):
            typical = self.typical[rng.integers(0, len(self.typical), size=n_paths)].T
            if factor in absent:
                begin[part] = typical[part]
        return begin

    def to_state(self) -> State:
        """Return JSON values and arrays."""
        values: dict[str, Any] = {
            "hyper": asdict(self.hyper),
            "origin": str(self.origin),
            "cap": self.cap,
            "weather": None,
        }
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if self.weather is not None:
            values["weather"], weather_arrays = self.weather.to_state()
            arrays |= {f"weather/{name}": array for name, array in weather_arrays.items()}
        return values, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, Any]) -> FittedLevelHurdle:
        """Rebuild the result of `to_state`; its paths are bit-identical."""
        hyper: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values["hyper"].items()
        }
        if hyper.pop("weather_wait_days", None) is not None:  # of an older version, without weather
            arrays = {"crossing": np.zeros(0)} | arrays
        weather = None
        if values["weather"] is not None:
            weather_arrays = serialize.under("weather", arrays)
            weather = FittedWeather.from_state(values["weather"], weather_arrays)
        return cls(
            hyper=LevelHurdle(**hyper),
            origin=np.datetime64(values["origin"], "D"),
            cap=values["cap"],
            weather=weather,
            **{name: arrays[name] for name in _ARRAYS},
        )


_ARRAYS = tuple("coefficients ratios ratio_shares state typical level_bounds crossing".split())
