"""Plain loops and a plain forecaster, shared by tests."""

from dataclasses import dataclass, field, replace

import numpy as np

from forecast.covariates import Covariates
from forecast.forecasters.base import FitError
from forecast.paths import Paths
from forecast.series import ONE_DAY, Day


def weighted_mean(values, half_life):
    """Mean of `values`, one a day; the weight of a day halves in `half_life` days."""
    weights = [0.5 ** (age / half_life) for age in range(len(values))][::-1]
    return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)


@dataclass
class Constant:
    """Forecasts `value` every day; records what it is fitted to; can decline to fit or to draw."""

    value: float
    least_days: int = 0
    draws: bool = True
    origin: Day = np.datetime64("2024-01-01")
    fits: list[tuple[Day, Covariates | None]] = field(default_factory=list)

    def fit(self, series, covariates=None):
        if len(series) < self.least_days:
            raise FitError("declined to fit")
        self.fits.append((series.data_through, covariates))
        return replace(self, origin=series.data_through)

    def simulate(self, horizon, n_paths, rng):
        if not self.draws:
            raise FitError("declined to draw")
        return Paths(self.origin + ONE_DAY, np.full((n_paths, horizon), self.value))

    def to_state(self):
        return {}, {}
