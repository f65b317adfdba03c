"""What every family of forecasters promises."""

from __future__ import annotations

__all__ = [
    "LEAST_DAYS",
    "SupportsContinuation",
    "SupportsExplanation",
    "FitError",
    "Fitted",
    "Forecaster",
    "SupportsWeather",
    "require_days",
    "whole_people",
]

from collections.abc import Mapping, Set
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from forecast.covariates import Covariates
from forecast.paths import Paths
from forecast.series import DailySeries

State: TypeAlias = tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]

MOST_PEOPLE = 50_000
"""A day's count above this is a failure of a model, not a forecast; paths are cut there."""

MOST_KNOWN = MOST_PEOPLE // 4
"""A series with a greater day is declined, as its forecasts could be cut."""


LEAST_DAYS = 60
"""A family that regresses on the season, or draws from it, declines a series of fewer days."""


class FitError(ValueError):
    """A forecaster that declines a series, with the reason."""


class Fitted(Protocol):
    """A forecaster fitted to one series, ready to draw."""

    def simulate(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Paths:
        """Draw joint sample paths of the `horizon` days after the data, (n_paths, horizon)."""
        ...

    def to_state(self) -> State:
        """Return what was learned: JSON-ready values, and arrays. No pickle, ever."""
        ...


@runtime_checkable
class SupportsContinuation(Protocol):
    """A fitted forecaster that can go on from days that another one drew."""

    def simulate_after(
        self, lead: npt.NDArray[np.float64], horizon: int, rng: np.random.Generator
    ) -> Paths:
        """Draw paths that begin with `lead`, (n_paths, n_days), and go on to `horizon`."""
        ...


@runtime_checkable
class SupportsExplanation(Protocol):
    """A fitted forecaster that can say what it would forecast if it did not know something."""

    @property
    def factors(self) -> tuple[str, ...]:
        """What the forecast can be explained by."""
        ...

    def mean_without(
        self, absent: Set[str], horizon: int, n_paths: int, rng: np.random.Generator
    ) -> npt.NDArray[np.float64]:
        """Mean forecast, (horizon,), when the factors `absent` may be any of their past values."""
        ...


@runtime_checkable
class SupportsWeather(Protocol):
    """A fitted forecaster that may have been given weather."""

    @property
    def covered_days(self) -> int:
        """Days ahead for which it was; 0 for none."""
        ...

    def with_weather(self, seas: Mapping[int, str]) -> Fitted:
        """The same, where days ahead, counted from 0, are one of `forecast.weather.SEAS`."""
        ...


class Forecaster(Protocol):
    """A declared model: hyperparameters, and the verb that learns the rest."""

    def fit(self, series: DailySeries, covariates: Covariates | None = None) -> Fitted:
        """Learn from `series`, all of it; raises `FitError` when it declines."""
        ...


def require_days(series: DailySeries, least: int, family: str) -> None:
    """Raise `FitError` unless `series` has at least `least` days, none above `MOST_KNOWN`."""
    if len(series) < least:
        raise FitError(f"{family} needs at least {least} days, found {len(series)}")
    if series.values.max() > MOST_KNOWN:
        day = series.dates[series.values.argmax()]
        found = f"{series.values.max():,} on {day}"
        raise FitError(f"{family} takes days of up to {MOST_KNOWN:,}, found {found}")


def whole_people(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int32]:
    """Round to whole, non-negative counts; raises `FitError` on values that are not finite."""
    if not np.isfinite(values).all():
        raise FitError("the simulation left the finite numbers")
    people: npt.NDArray[np.int32] = np.rint(np.clip(values, 0, MOST_PEOPLE)).astype(np.int32)
    return people
