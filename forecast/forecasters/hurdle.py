"""Hurdle: whether anyone arrives and how many, simulated day by day.

Both parts use the season, Saturday, the recent level and the last two days. Each path updates its
own level and lags with its simulated counts, so that runs of busy and quiet days, and the spread
of totals, result from the simulation.
"""

from __future__ import annotations

__all__ = ["FittedHurdle", "Hurdle"]

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast.calendar import harmonics, weekday
from forecast.covariates import Covariates
from forecast.forecasters.base import LEAST_DAYS, State, require_days, whole_people
from forecast.lag_features import level_of
from forecast.paths import Paths
from forecast.regression import gamma_regression, logistic, logistic_regression
from forecast.series import ONE_DAY, DailySeries, Day

Array = npt.NDArray[np.float64]

_SATURDAY = 5
_FEWEST_BUSY_DAYS = 5
_MOST_LOG = 20.0  # keeps the exponential finite; far above every cap


@dataclass(frozen=True)
class Hurdle:
    """Logistic regression for any arrivals, Gamma regression for their number.

    Attributes
    ----------
    harmonics : int
        Annual harmonics in both parts.
    level_half_life_days : float
        Half-life of the exponentially weighted level.
    weight_half_life_days : float
        Age in days at which a day's weight halves.
    window_days : int
        Older days are not used.
    ridge : float
        Penalty on every coefficient but the constant.

    References
    ----------
    Mullahy (1986), Journal of Econometrics 33(3); Cragg (1971), Econometrica 39(5).
    """

    harmonics: int = 2
    level_half_life_days: float = 60.0
    weight_half_life_days: float = 540.0
    window_days: int = 1650
    ridge: float = 1.0

    def fit(self, series: DailySeries, covariates: Covariates | None = None) -> FittedHurdle:
        """Fit both parts; needs 60 days. Ignores `covariates`."""
        require_days(series, LEAST_DAYS, "hurdle")
        counts = series.values.astype(np.float64)
        n = len(counts)
        level = level_of(counts, self.level_half_life_days)
        first = max(min(14, n - LEAST_DAYS), 2, n - self.window_days)
        x = np.column_stack(
            [
                self.season(series.dates[first:]),
                _recent(counts[first - 1 : -1], counts[first - 2 : -2], level[first - 1 : -1]),
            ]
        )
        y = counts[first:]
        weights = 0.5 ** (np.arange(len(y))[::-1] / self.weight_half_life_days)
        busy = y > 0
        size, ratios, shares = _fit_size(x[busy], y[busy], weights[busy], self.ridge)
        return FittedHurdle(
            hyper=self,
            origin=series.data_through,
            any_coefficients=logistic_regression(x, busy.astype(np.float64), weights, self.ridge),
            size_coefficients=size,
            ratios=ratios,
            ratio_shares=shares,
            level=float(level[-1]),
            last_two=counts[-2:],
            cap=3.0 * max(float(y.max()), 1.0),
        )

    def season(self, days: npt.NDArray[np.datetime64]) -> Array:
        """Constant, harmonics and Saturday, shape (n_days, 2 + 2 * harmonics)."""
        saturday = (weekday(days) == _SATURDAY).astype(np.float64)
        return np.column_stack([np.ones(len(days)), harmonics(days, self.harmonics), saturday])


@dataclass(frozen=True, eq=False)
class FittedHurdle:
    """Coefficients of both parts, residual ratios, and the state at the origin."""

    hyper: Hurdle
    origin: Day
    any_coefficients: Array
    size_coefficients: Array
    ratios: Array
    ratio_shares: Array
    level: float
    last_two: Array
    cap: float

    def simulate(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Paths:
        """Simulate day by day; each path updates its own level and lags."""
        season = self.hyper.season(self.origin + np.arange(1, horizon + 1) * ONE_DAY)
        k = season.shape[1]
        season_any = season @ self.any_coefficients[:k]  # (horizon,)
        season_size = season @ self.size_coefficients[:k]
        keep = 0.5 ** (1.0 / self.hyper.level_half_life_days)
        level = np.full(n_paths, self.level)
        before, yesterday = (np.full(n_paths, value) for value in self.last_two)
        uniforms = rng.random((horizon, n_paths))
        ratios = rng.choice(self.ratios, size=(horizon, n_paths), p=self.ratio_shares)
        days = np.empty((n_paths, horizon))
        for day in range(horizon):
            recent = _recent(yesterday, before, level)  # (n_paths, 4)
            p_any = logistic(season_any[day] + recent @ self.any_coefficients[k:])
            size = np.exp(
                np.minimum(season_size[day] + recent @ self.size_coefficients[k:], _MOST_LOG)
            )
            count = np.clip(np.rint(size * ratios[day]), 1.0, self.cap)
            before, yesterday = yesterday, np.where(uniforms[day] < p_any, count, 0.0)
            level = keep * level + (1.0 - keep) * yesterday
            days[:, day] = yesterday
        return Paths(self.origin + ONE_DAY, whole_people(days))

    def to_state(self) -> State:
        """Return JSON values and arrays."""
        values = {
            "hyper": asdict(self.hyper),
            "origin": str(self.origin),
            "level": self.level,
            "cap": self.cap,
        }
        return values, {name: getattr(self, name) for name in _ARRAYS}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, Any]) -> FittedHurdle:
        """Rebuild the result of `to_state`; its paths are bit-identical."""
        return cls(
            hyper=Hurdle(**values["hyper"]),
            origin=np.datetime64(values["origin"], "D"),
            level=values["level"],
            cap=values["cap"],
            **{name: arrays[name] for name in _ARRAYS},
        )


_ARRAYS = ("any_coefficients", "size_coefficients", "ratios", "ratio_shares", "last_two")


def _fit_size(x: Array, y: Array, weights: Array, ridge: float) -> tuple[Array, Array, Array]:
    """Coefficients (k,), residual ratios (n,) and their shares (n,) of the busy days."""
    if len(y) < _FEWEST_BUSY_DAYS:  # too few for a regression: use one mean
        size = np.zeros(x.shape[1])
        size[0] = np.log(y.mean()) if len(y) else 0.0
        return size, np.ones(1), np.ones(1)
    size = gamma_regression(x, y, weights, ridge)
    return size, y / np.exp(x @ size), weights / weights.sum()


def _recent(yesterday: Array, before: Array, level: Array) -> Array:
    """Log level, any arrivals on each of the last two days, log of yesterday's count: (n, 4)."""
    return np.column_stack([np.log1p(level), yesterday > 0, before > 0, np.log1p(yesterday)])
