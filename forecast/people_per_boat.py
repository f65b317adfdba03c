"""People per boat: draws boats that match the people of each path."""

from __future__ import annotations

__all__ = ["PeoplePerBoat"]

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast.calendar import MEAN_YEAR
from forecast.forecasters.base import FitError, State
from forecast.paths import Paths
from forecast.series import DailySeries

_FEWEST_BUSY_DAYS = 5
_MOST_YEARS = 4
_MOST_GROWTH = 0.2  # of log occupancy in a year, in either direction
_SPREADS = (0.02, 0.2)  # bounds, since three changes at most hardly determine a spread
_UNKNOWN_SPREAD = 0.1  # used if fewer than two changes are known


@dataclass(frozen=True, eq=False)
class PeoplePerBoat:
    """Recent busy days, and the growth of occupancy.

    A path's day with n people takes the people per boat of a past day with about as many people: a
    single boat and one of twenty on a calm day are not filled alike.

    Attributes
    ----------
    people, ratio : ndarray, shape (n_busy,)
        People on each busy day, in increasing order, and its people per boat.
    neighbours : int
        Number of smaller and larger days that count as similar.
    growth, growth_spread : float
        Mean and standard deviation of the yearly change of log occupancy.
    """

    people: npt.NDArray[np.float64]
    ratio: npt.NDArray[np.float64]
    neighbours: int
    growth: float
    growth_spread: float

    @classmethod
    def fit(
        cls,
        people: DailySeries,
        boats: DailySeries,
        busy_days: int = 120,
        neighbours: int = 10,
    ) -> PeoplePerBoat:
        """Learn from the last `busy_days` days with arrivals in both series.

        Raises
        ------
        FitError
            If the series do not share their days, or no day has arrivals in both.
        """
        if people.start != boats.start or len(people) != len(boats):
            raise FitError(f"{people.name} and {boats.name} must cover the same days")
        busy = np.flatnonzero((people.values > 0) & (boats.values > 0))
        if not people.values.any():  # then there are no boats, and any ratio is right
            return cls(np.zeros(1), np.ones(1), neighbours, 0.0, _UNKNOWN_SPREAD)
        # One day is enough: no model should fail for lack of more.
        if not len(busy):
            raise FitError("people per boat need a day with arrivals of both")
        ratio = people.values[busy] / boats.values[busy]
        growth, spread = _growth(busy, ratio, len(people))
        recent = busy[-busy_days:]
        # Rescaled to the last day's level, to remove the trend.
        age_years = (busy[-1] - recent) / MEAN_YEAR
        lifted = ratio[-busy_days:] * np.exp(growth * age_years)
        order = np.argsort(people.values[recent], kind="stable")
        counts = people.values[recent][order].astype(np.float64)
        return cls(counts, lifted[order], neighbours, growth, spread)

    def boats(self, people: Paths, rng: np.random.Generator) -> Paths:
        """Draw the boats for the `people` of each path and day; exactly 0 for no people."""
        counts = people.values
        rank = np.searchsorted(self.people, counts)
        offset = rng.integers(-self.neighbours, self.neighbours + 1, size=counts.shape)
        like = self.ratio[np.clip(rank + offset, 0, len(self.ratio) - 1)]
        growth = rng.normal(self.growth, self.growth_spread, size=(people.n_paths, 1))
        ahead_years = np.arange(1, people.horizon + 1) / MEAN_YEAR
        boats = np.rint(counts / (like * np.exp(growth * ahead_years)))
        return Paths(people.start, np.where(counts > 0, np.clip(boats, 1, counts), 0).astype(int))

    def to_state(self) -> State:
        """Return JSON values and arrays."""
        values = {
            "neighbours": self.neighbours,
            "growth": self.growth,
            "growth_spread": self.growth_spread,
        }
        return values, {"people": self.people, "ratio": self.ratio}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, Any]) -> PeoplePerBoat:
        """Rebuild the result of `to_state`."""
        return cls(**values, **arrays)


def _growth(
    busy: npt.NDArray[np.intp], ratio: npt.NDArray[np.float64], n_days: int
) -> tuple[float, float]:
    """Mean and spread of the yearly changes of median log occupancy over the last four years.

    Half the mean change is used: growth continues, but the size of boats is limited.
    """
    years_ago = ((n_days - 1 - busy) / MEAN_YEAR).astype(int)
    seen_years = [
        year
        for year in range(_MOST_YEARS)
        if np.count_nonzero(years_ago == year) >= _FEWEST_BUSY_DAYS
    ]
    medians = [float(np.median(np.log(ratio[years_ago == year]))) for year in seen_years]
    changes = -np.diff(medians) / np.diff(seen_years)  # over two years, if a quiet one is between
    if len(changes) < 2:
        return 0.0, _UNKNOWN_SPREAD
    growth = np.clip(changes.mean() / 2, -_MOST_GROWTH, _MOST_GROWTH)
    return float(growth), float(np.clip(changes.std(), *_SPREADS))
