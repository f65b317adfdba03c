"""The interface of all forecasters."""

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
"""A higher daily count is a model failure, not a forecast; paths are capped here."""

MOST_KNOWN = MOST_PEOPLE // 4
"""A series with a higher count is declined, as its forecasts could be capped."""


LEAST_DAYS = 60
"""Minimum length of a series for families that model the season."""


class FitError(ValueError):
    """A forecaster declines a series; the message has the reason."""


class Fitted(Protocol):
    """A forecaster fitted to one series."""

    def simulate(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Paths:
        """Draw joint sample paths of the `horizon` days after the data, (n_paths, horizon)."""
        ...

    def to_state(self) -> State:
        """Return the fitted state as JSON values and arrays; never as a pickle."""
        ...


@runtime_checkable
class SupportsContinuation(Protocol):
    """A fitted forecaster that can continue paths started by another."""

    def simulate_after(
        self, lead: npt.NDArray[np.float64], horizon: int, rng: np.random.Generator
    ) -> Paths:
        """Draw paths that start with `lead`, (n_paths, n_days), and continue to `horizon`."""
        ...


@runtime_checkable
class SupportsExplanation(Protocol):
    """A fitted forecaster that can leave out factors to explain its forecast."""

    @property
    def factors(self) -> tuple[str, ...]:
        """Factors that explain the forecast."""
        ...

    def mean_without(
        self, absent: Set[str], horizon: int, n_paths: int, rng: np.random.Generator
    ) -> npt.NDArray[np.float64]:
        """Mean forecast, (horizon,), with any past values for the factors `absent`."""
        ...


@runtime_checkable
class SupportsWeather(Protocol):
    """A fitted forecaster that may use weather."""

    @property
    def covered_days(self) -> int:
        """Number of days ahead with weather; 0 for none."""
        ...

    def with_weather(self, seas: Mapping[int, str]) -> Fitted:
        """Return a copy with assumed seas (`forecast.weather.SEAS`) by days ahead, from 0."""
        ...


class Forecaster(Protocol):
    """A declared model: hyperparameters and a method to fit it."""

    def fit(self, series: DailySeries, covariates: Covariates | None = None) -> Fitted:
        """Fit to all of `series`; raises `FitError` if the model declines it."""
        ...


def require_days(series: DailySeries, least: int, family: str) -> None:
    """Raise `FitError` unless `series` has at least `least` days, none above `MOST_KNOWN`."""
    if len(series) < least:
        raise FitError(f"{family} needs at least {least} days, found {len(series)}")
    if series.values.max() > MOST_KNOWN:
        day = series.dates[series.values.argmax()]
        largest = f"{series.values.max():,} on {day}"
        raise FitError(f"{family} accepts counts of up to {MOST_KNOWN:,} a day, found {largest}")


def whole_people(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int32]:
    """Round to whole, non-negative counts; raises `FitError` if values are not finite."""
    if not np.isfinite(values).all():
        raise FitError("the simulation produced numbers that are not finite")
    people: npt.NDArray[np.int32] = np.rint(np.clip(values, 0, MOST_PEOPLE)).astype(np.int32)
    return people
