"""Seasonal naive: next week repeats last week, plus past differences between weeks."""

from __future__ import annotations

__all__ = ["FittedSeasonalNaive", "SeasonalNaive"]

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast.covariates import Covariates
from forecast.forecasters.base import State, require_days, whole_people
from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries, Day

_WEEK = 7


@dataclass(frozen=True)
class SeasonalNaive:
    """Last week repeated, plus past differences between weeks equally far apart.

    Attributes
    ----------
    window_days : int
        Number of past days from which differences are drawn.

    References
    ----------
    Hyndman and Athanasopoulos (2021), Forecasting: Principles and Practice, section 5.2;
    bootstrapped residuals: section 5.5.
    """

    window_days: int = 730

    def fit(self, series: DailySeries, covariates: Covariates | None = None) -> FittedSeasonalNaive:
        """Store the window; needs four weeks. Ignores `covariates`."""
        require_days(series, 4 * _WEEK, "seasonal_naive")
        return FittedSeasonalNaive(self, series.data_through, series.values[-self.window_days :])


@dataclass(frozen=True, eq=False)
class FittedSeasonalNaive:
    """The past days to draw from, shape (n_days,)."""

    hyper: SeasonalNaive
    origin: Day
    window: npt.NDArray[np.int64]

    def simulate(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Paths:
        """Draw differences of whole weeks, as many weeks apart as the lead."""
        weeks = -(-horizon // _WEEK)
        rows = len(self.window) // _WEEK
        past = self.window[len(self.window) - rows * _WEEK :].reshape(rows, _WEEK)
        weekly = np.empty((n_paths, weeks, _WEEK))
        for ahead in range(weeks):
            lag = min(ahead + 1, rows - 1)
            pick = rng.integers(lag, rows, size=n_paths)
            weekly[:, ahead] = past[-1] + past[pick] - past[pick - lag]
        days = weekly.reshape(n_paths, weeks * _WEEK)[:, :horizon]
        return Paths(self.origin + ONE_DAY, whole_people(days))

    def to_state(self) -> State:
        """Return JSON values and arrays."""
        return {"hyper": asdict(self.hyper), "origin": str(self.origin)}, {"window": self.window}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, Any]) -> FittedSeasonalNaive:
        """Rebuild the result of `to_state`; its paths are bit-identical."""
        origin = np.datetime64(values["origin"], "D")
        return cls(SeasonalNaive(**values["hyper"]), origin, arrays["window"])
