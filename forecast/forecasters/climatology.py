"""Climatology: runs of days from the same season of recent years, optionally rescaled."""

from __future__ import annotations

__all__ = ["Climatology", "FittedClimatology"]

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast.calendar import MEAN_YEAR
from forecast.covariates import Covariates
from forecast.forecasters.base import LEAST_DAYS, State, require_days, whole_people
from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries, Day


@dataclass(frozen=True)
class Climatology:
    """Runs of days drawn from the same season of past years.

    Attributes
    ----------
    years : int
        Number of past years to draw from.
    season_days : int
        Half width of the season: runs may start this many days earlier or later in the year.
    block_days : int
        Length of a run of consecutive days.
    scaled : bool
        Whether to scale by the root of the last `level_days` relative to a year before.
    level_days : int
        Length of the recent past that defines the level.

    References
    ----------
    Blocks: Künsch (1989), Annals of Statistics 17(3).
    """

    years: int = 3
    season_days: int = 21
    block_days: int = 14
    scaled: bool = False
    level_days: int = 90

    def fit(self, series: DailySeries, covariates: Covariates | None = None) -> FittedClimatology:
        """Store the years to draw from; needs 60 days. Ignores `covariates`."""
        require_days(series, LEAST_DAYS, "climatology")
        # One extra run, which must not reach back beyond the stored days.
        keep = int((self.years + 0.5) * MEAN_YEAR) + self.season_days + self.block_days
        scale = _level_ratio(series.values, self.level_days) if self.scaled else 1.0
        return FittedClimatology(self, series.data_through, series.values[-keep:], scale)


@dataclass(frozen=True, eq=False)
class FittedClimatology:
    """The years to draw from, shape (n_days,), and the scaling factor."""

    hyper: Climatology
    origin: Day
    window: npt.NDArray[np.int64]
    scale: float

    def simulate(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Paths:
        """Draw runs of days, each with its own year and offset."""
        n, block = len(self.window), self.hyper.block_days
        days = np.empty((n_paths, horizon), dtype=np.float64)
        ahead = rng.integers(0, block, size=n_paths)  # so that runs start on different days
        start = self._starts(1 - ahead, rng)
        for day in range(horizon):
            fresh = np.flatnonzero(ahead == block)
            start[fresh] = self._starts(np.full(len(fresh), day + 1), rng)
            ahead[fresh] = 0
            days[:, day] = self.window[(start + ahead) % n]
            ahead += 1
        return Paths(self.origin + ONE_DAY, whole_people(days * self.scale))

    def _starts(
        self, lead: npt.NDArray[np.int64], rng: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        """Start indices for runs that start `lead` days after the origin, same shape."""
        n, block = len(self.window), self.hyper.block_days
        half = self.hyper.season_days
        first_year = np.maximum(np.ceil((lead + half + block - 1) / MEAN_YEAR), 1)
        last_year = np.floor((n - 1 + lead - half) / MEAN_YEAR)
        years = np.clip(last_year - first_year + 1, 1, self.hyper.years)
        years_back = rng.integers(0, self.hyper.years, size=lead.shape) % years
        back = np.rint((first_year + years_back) * MEAN_YEAR)
        offset = rng.integers(-half, half + 1, size=lead.shape)
        position = n - 1 + lead - back.astype(np.int64) + offset
        # A very short series has no such year: use any run.
        anywhere = rng.integers(0, max(n - block, 1), size=lead.shape)
        return np.where((position >= 0) & (position + block <= n), position, anywhere)

    def to_state(self) -> State:
        """Return JSON values and arrays."""
        values = {"hyper": asdict(self.hyper), "origin": str(self.origin), "scale": self.scale}
        return values, {"window": self.window}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, Any]) -> FittedClimatology:
        """Rebuild the result of `to_state`; its paths are bit-identical."""
        origin = np.datetime64(values["origin"], "D")
        return cls(Climatology(**values["hyper"]), origin, arrays["window"], values["scale"])


def _level_ratio(values: npt.NDArray[np.int64], days: int) -> float:
    """Root of the total of the last `days` over that of a year before, between 1/3 and 3."""
    year = round(MEAN_YEAR)
    if len(values) < year + days:
        return 1.0
    now, before = values[-days:].mean(), values[-days - year : -year].mean()
    if not before:
        return 1.0
    return float(np.clip(np.sqrt(now / before), 1 / 3, 3))
