"""Calibrated: another forecaster with the spread of its totals corrected by past errors.

The other forecaster is refitted at earlier origins, each time on the days up to that origin. Its
forecast totals of the following days, of the whole window and of each week, are compared with the
known outcomes.
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
        The forecaster to calibrate.
    origins, step_days : int
        Number of earlier origins, and days between them.
    window_days : int
        Length of the calibrated total; the totals of its weeks are used too.
    paths : int
        Paths at each earlier origin.
    prior_strength : float
        Weight of the prior that the spread is right, in non-overlapping totals.
    least_days : int
        Minimum number of days before an earlier origin.
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
        """Fit the member on all days, and the stretch on errors before the last day."""
        ((name, base),) = self.members.items()
        fitted = base.fit(series, covariates)
        scores = self._past_scores(base, series, covariates)
        independent = min(1.0, self.step_days / self.window_days)
        stretch = estimate_stretch(np.array(scores), independent, self.prior_strength)
        return FittedCalibrated(name, fitted, stretch, self.window_days)

    def _past_scores(
        self, base: Forecaster, series: DailySeries, covariates: Covariates | None
    ) -> list[list[float]]:
        """Return for each earlier origin the scores of its window and, if longer, of its weeks."""
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
                # Same number of forecast days as today: more would make the errors too small.
                past_covariates = covariates and covariates.as_at(
                    origin, min(self.window_days, covariates.n_ahead)
                )
                past = base.fit(series.upto(origin), past_covariates)
            except CovariatesError:
                continue  # no archived weather forecast
            except FitError:
                break  # too few days so far back; keep the later origins
            rng = np.random.default_rng([_SEED, abs(int(origin.astype(np.int64)))])
            simulated = past.simulate(self.window_days, self.paths, rng).values
            actual = series.between(origin + ONE_DAY, origin + self.window_days * ONE_DAY).values
            scores.append(
                [
                    normal_score(simulated[:, span].sum(axis=1), int(actual[span].sum()))
                    for span in spans
                ]
            )
        return scores


@dataclass(frozen=True, eq=False)
class FittedCalibrated:
    """The fitted member and the stretch of its totals; 0 leaves them unchanged.

    Attributes
    ----------
    plain : Fitted | None
        In a what-if, the member without it: paths are stretched as there, so that days before the
        first assumed one stay the same. Not part of the state.
    """

    name: str
    base: Fitted
    stretch: float
    window_days: int
    plain: Fitted | None = None

    @property
    def covered_days(self) -> int:
        """Number of days ahead for which the member has weather."""
        return int(getattr(self.base, "covered_days", 0))

    def with_weather(self, seas: Mapping[int, str]) -> FittedCalibrated:
        """Return a copy with calm, mixed or rough days, by days ahead from 0."""
        if not isinstance(self.base, SupportsWeather):
            return self
        return replace(self, base=self.base.with_weather(seas), plain=self.plain or self.base)

    @property
    def factors(self) -> tuple[str, ...]:
        """Factors that explain the forecast."""
        return factors_of(self.base)

    def simulate(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Paths:
        """Simulate with the member, then stretch."""
        like = None
        if self.plain is not None and self.stretch:
            like = self.plain.simulate(horizon, n_paths, copy.deepcopy(rng)).values
        simulated = self.base.simulate(horizon, n_paths, rng)
        moved = rescale_spread(simulated.values, self.stretch, self.window_days, like)
        return Paths(simulated.start, whole_people(moved))

    def mean_without(
        self, absent: Set[str], horizon: int, n_paths: int, rng: np.random.Generator
    ) -> Array:
        """Mean forecast of the member without the factors `absent`, (horizon,)."""
        return mean_without(self.base, absent, horizon, n_paths, rng)

    def to_state(self) -> State:
        """Return JSON values, and the arrays of the member."""
        base, arrays = serialize.dump(self.base)
        values = {"stretch": self.stretch, "window_days": self.window_days, "name": self.name}
        return values | {"base": base}, arrays

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, Any]) -> FittedCalibrated:
        """Rebuild the result of `to_state`; its paths are bit-identical."""
        base = serialize.restore(values["base"], arrays)
        return cls(values["name"], base, values["stretch"], values["window_days"])
