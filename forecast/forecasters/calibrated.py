"""Calibrated: another forecaster, its totals as wide as its own past errors say.

At each origin the other forecaster is fitted again at earlier origins, each time on the days up
to that origin, and asked for the totals of the days that followed, which are all known by now: of
the whole window, and of each of its weeks.
"""

from __future__ import annotations

__all__ = ["Calibrated", "FittedCalibrated"]

import copy
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast import serialize
from forecast.calibration import estimate_stretch, normal_score, rescale_spread
from forecast.covariates import Covariates, CovariatesError
from forecast.explain import factors_of, mean_without
from forecast.forecasters.base import (
    FitError,
    Fitted,
    Forecaster,
    State,
    SupportsWeather,
    whole_people,
)
from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries

Array = npt.NDArray[np.float64]

_SEED = 20180101
_WEEK = 7


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A forecaster, and how its spread is learned.

    Attributes
    ----------
    members : mapping of str to Forecaster
        The one that is calibrated.
    origins, step_days : int
        How many earlier origins, and how far apart.
    window_days : int
        The total that is calibrated; its spread is learned from those of its weeks too.
    paths : int
        Paths at each earlier origin.
    prior_strength : float
        The prior that the spread is right, in totals that do not overlap.
    least_days : int
        An earlier origin needs so many days before it.
    """

    members: Mapping[str, Forecaster]
    origins: int = 26
    step_days: int = 14
    window_days: int = 28
    paths: int = 300
    prior_strength: float = 13.0
    least_days: int = 500

    def __post_init__(self) -> None:
        if len(self.members) != 1:
            raise ValueError(f"expected one member to calibrate, found {sorted(self.members)}")

    def fit(self, series: DailySeries, covariates: Covariates | None = None) -> FittedCalibrated:
        """Fit the member on all days, and the stretch on errors made before the last day."""
        ((name, base),) = self.members.items()
        fitted = base.fit(series, covariates)
        scores = self._past_scores(base, series, covariates)
        independent = min(1.0, self.step_days / self.window_days)
        stretch = estimate_stretch(np.array(scores), independent, self.prior_strength)
        return FittedCalibrated(name, fitted, stretch, self.window_days)

    def _past_scores(
        self, base: Forecaster, series: DailySeries, covariates: Covariates | None
    ) -> list[list[float]]:
        """Of each earlier origin the scores of its window and, if it is longer, of its weeks."""
        spans = [slice(0, self.window_days)]
        if self.window_days > _WEEK:
            weeks = range(0, self.window_days - _WEEK + 1, _WEEK)
            spans += [slice(first, first + _WEEK) for first in weeks]
        scores = []
        for back in range(self.origins):
            origin = series.data_through - (self.window_days + back * self.step_days) * ONE_DAY
            if (origin - series.start).astype(int) + 1 < self.least_days:
                break
            try:
                # As many days as are foreseen now: more would make the errors too small.
                known = covariates and covariates.as_at(
                    origin, min(self.window_days, covariates.n_ahead)
                )
                past = base.fit(series.upto(origin), known)
            except CovariatesError:
                continue  # no forecast of the weather was kept then
            except FitError:
                break  # too little is known so far back; the later origins stand
            rng = np.random.default_rng([_SEED, abs(int(origin.astype(np.int64)))])
            drawn = past.simulate(self.window_days, self.paths, rng).values
            came = series.between(origin + ONE_DAY, origin + self.window_days * ONE_DAY).values
            scores.append(
                [normal_score(drawn[:, span].sum(axis=1), int(came[span].sum())) for span in spans]
            )
        return scores


@dataclass(frozen=True, eq=False)
class FittedCalibrated:
    """The fitted member, and the stretch of its totals; 0 leaves them as they are.

    Attributes
    ----------
    plain : Fitted | None
        Under an assumption, the member without it: paths are stretched as they are there, so that
        the days before the first one that is assumed stay as they are. Not kept with the rest.
    """

    name: str
    base: Fitted
    stretch: float
    window_days: int
    plain: Fitted | None = None

    @property
    def covered_days(self) -> int:
        """Days ahead for which the member has weather."""
        return int(getattr(self.base, "covered_days", 0))

    def with_weather(self, seas: Mapping[int, str]) -> FittedCalibrated:
        """The same, where days ahead, counted from 0, are calm, mixed or rough."""
        if not isinstance(self.base, SupportsWeather):
            return self
        return replace(self, base=self.base.with_weather(seas), plain=self.plain or self.base)

    @property
    def factors(self) -> tuple[str, ...]:
        """What the forecast can be explained by."""
        return factors_of(self.base)

    def simulate(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Paths:
        """Draw from the member, and stretch."""
        like = None
        if self.plain is not None and self.stretch:
            like = self.plain.simulate(horizon, n_paths, copy.deepcopy(rng)).values
        drawn = self.base.simulate(horizon, n_paths, rng)
        moved = rescale_spread(drawn.values, self.stretch, self.window_days, like)
        return Paths(drawn.start, whole_people(moved))

    def mean_without(
        self, absent: Set[str], horizon: int, n_paths: int, rng: np.random.Generator
    ) -> Array:
        """Mean forecast of the member without the factors `absent`, (horizon,)."""
        return mean_without(self.base, absent, horizon, n_paths, rng)

    def to_state(self) -> State:
        """JSON-ready values, and the arrays of the member."""
        base, arrays = serialize.dump(self.base)
        values = {"stretch": self.stretch, "window_days": self.window_days, "name": self.name}
        return values | {"base": base}, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, Any]) -> FittedCalibrated:
        """Rebuild what `to_state` returned; its paths are the same bit for bit."""
        base = serialize.restore(values["base"], arrays)
        return cls(values["name"], base, values["stretch"], values["window_days"])
