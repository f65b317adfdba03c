"""Prophet on a power of the counts, transformed back to whole, non-negative people.

The package uses numpy's global generator and logs to the terminal; only this module handles that.
"""

from __future__ import annotations

__all__ = ["FittedProphet", "Prophet"]

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from forecast.covariates import Covariates
from forecast.forecasters.base import LEAST_DAYS, FitError, State, require_days, whole_people
from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries, Day

# Before the import, which warns of missing plot packages.
logging.getLogger("prophet").setLevel(logging.CRITICAL)

import cmdstanpy  # noqa: E402
import prophet  # noqa: E402
from prophet.serialize import model_from_json, model_to_json  # noqa: E402

# After the import, which sets its own level and handler.
cmdstanpy.utils.get_logger().setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Prophet:
    """Trend, year and week by Prophet, fitted on ``counts ** power``.

    Attributes
    ----------
    power : float
        Exponent applied to the counts before the fit, between 0 and 1.
    window_days : int
        Number of past days used.
    changepoint_prior_scale : float
        Prophet's parameter for the flexibility of the trend.

    References
    ----------
    Taylor and Letham (2018), The American Statistician 72(1).
    """

    power: float = 0.5
    window_days: int = 1826
    changepoint_prior_scale: float = 0.05

    def fit(self, series: DailySeries, covariates: Covariates | None = None) -> FittedProphet:
        """Fit by maximum a posteriori; needs 60 days. Ignores `covariates`."""
        require_days(series, LEAST_DAYS, "prophet")
        recent = series.between(
            series.data_through - (min(self.window_days, len(series)) - 1) * ONE_DAY,
            series.data_through,
        )
        frame = pd.DataFrame(
            {
                "ds": pd.to_datetime(recent.dates),
                "y": recent.values.astype(np.float64) ** self.power,
            }
        )
        model = prophet.Prophet(
            yearly_seasonality=len(recent) >= 730,
            weekly_seasonality=True,
            daily_seasonality=False,
            changepoint_prior_scale=self.changepoint_prior_scale,
            uncertainty_samples=0,
        )
        with _quiet_generator(0):
            try:
                model.fit(frame, seed=1)
            except (RuntimeError, ValueError) as error:
                raise FitError(f"prophet did not converge: {error}") from error
        return FittedProphet(self, series.data_through, model)


@dataclass(frozen=True, eq=False)
class FittedProphet:
    """A fitted Prophet model."""

    hyper: Prophet
    origin: Day
    model: Any

    def simulate(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Paths:
        """Draw from the posterior predictive distribution; days are independent given the trend."""
        days = self.origin + np.arange(1, horizon + 1) * ONE_DAY
        with _quiet_generator(int(rng.integers(2**32))):
            frame = self.model.setup_dataframe(pd.DataFrame({"ds": pd.to_datetime(days)}))
            frame["trend"] = self.model.predict_trend(frame)
            self.model.uncertainty_samples = n_paths
            try:
                samples = self.model.sample_posterior_predictive(frame, vectorized=True)["yhat"]
            finally:
                self.model.uncertainty_samples = 0  # keep only the fit in the state
        powered = np.clip(np.asarray(samples).T, 0.0, None)  # (n_paths, horizon)
        return Paths(self.origin + ONE_DAY, whole_people(powered ** (1.0 / self.hyper.power)))

    def to_state(self) -> State:
        """Return JSON values and no arrays."""
        values = {"hyper": asdict(self.hyper), "origin": str(self.origin)}
        return values | {"model": json.loads(model_to_json(self.model))}, {}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, Any]) -> FittedProphet:
        """Rebuild the result of `to_state`; its paths are bit-identical."""
        del arrays
        model = model_from_json(json.dumps(values["model"]))
        origin = np.datetime64(values["origin"], "D")
        return cls(Prophet(**values["hyper"]), origin, model)


@contextmanager
def _quiet_generator(seed: int) -> Iterator[None]:
    """Seed numpy's global generator, and restore it afterwards."""
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)
