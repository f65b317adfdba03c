"""Seasonal ARIMA with harmonics of the year, on a power of the counts."""

from __future__ import annotations

__all__ = ["FittedSarimax", "Sarimax"]

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from statsmodels.tsa.statespace.sarimax import SARIMAX

from forecast.calendar import harmonics
from forecast.covariates import Covariates
from forecast.forecasters.base import LEAST_DAYS, FitError, State, require_days, whole_people
from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries, Day


@dataclass(frozen=True)
class Sarimax:
    """Regression on annual harmonics with seasonal ARIMA errors, on ``counts ** power``.

    Attributes
    ----------
    order, seasonal_order : tuple of int
        As in statsmodels: (p, d, q) and (P, D, Q, s).
    harmonics : int
        Annual harmonics among the regressors.
    power : float
        Exponent applied to the counts before the fit, between 0 and 1.
    window_days : int
        Number of past days used.

    References
    ----------
    Durbin and Koopman (2012), Time Series Analysis by State Space Methods, chapters 2-7.
    """

    order: tuple[int, int, int] = (1, 0, 1)
    seasonal_order: tuple[int, int, int, int] = (1, 0, 1, 7)
    harmonics: int = 2
    power: float = 0.5
    window_days: int = 1095

    def fit(self, series: DailySeries, covariates: Covariates | None = None) -> FittedSarimax:
        """Fit by maximum likelihood; needs 60 days. Ignores `covariates`."""
        require_days(series, LEAST_DAYS, "sarimax")
        recent = series.values[-self.window_days :]
        if not recent.any():
            raise FitError("sarimax needs a day with arrivals, found none")
        model = self.model(recent, series.data_through)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about starting values; failures are handled below
            try:
                results = model.fit(disp=False, maxiter=100, method="lbfgs")
            except (np.linalg.LinAlgError, ValueError) as error:
                raise FitError(f"sarimax could not be fitted: {error}") from error
        params = np.asarray(results.params, dtype=np.float64)
        if not np.isfinite(params).all():
            raise FitError("sarimax did not reach finite parameters")
        return FittedSarimax(self, series.data_through, recent, params)

    def model(self, counts: npt.NDArray[np.int64], last: Day) -> Any:
        """Return the statsmodels model of `counts`, shape (n_days,), ending on `last`."""
        days = last - np.arange(len(counts))[::-1] * ONE_DAY
        return SARIMAX(
            counts.astype(np.float64) ** self.power,
            exog=self.regressors(days),
            order=self.order,
            seasonal_order=self.seasonal_order,
            initialization="approximate_diffuse",
        )

    def regressors(self, days: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float64]:
        """Constant and harmonics, shape (n_days, 1 + 2 * harmonics)."""
        return np.column_stack([np.ones(len(days)), harmonics(days, self.harmonics)])


@dataclass(frozen=True, eq=False)
class FittedSarimax:
    """The counts, shape (n_days,), and the parameters, shape (n_params,)."""

    hyper: Sarimax
    origin: Day
    counts: npt.NDArray[np.int64]
    params: npt.NDArray[np.float64]

    def simulate(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Paths:
        """Simulate from the state at the end of the data, including its uncertainty."""
        results = self.hyper.model(self.counts, self.origin).filter(self.params)
        days = self.origin + np.arange(1, horizon + 1) * ONE_DAY
        samples = results.simulate(
            horizon,
            anchor="end",
            repetitions=n_paths,
            exog=self.hyper.regressors(days),
            rng=rng,
        )
        powered = np.clip(np.asarray(samples).reshape(horizon, n_paths).T, 0.0, None)
        return Paths(self.origin + ONE_DAY, whole_people(powered ** (1.0 / self.hyper.power)))

    def to_state(self) -> State:
        """Return JSON values and arrays."""
        values = {"hyper": asdict(self.hyper), "origin": str(self.origin)}
        return values, {"counts": self.counts, "params": self.params}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, Any]) -> FittedSarimax:
        """Rebuild the result of `to_state`; its paths are bit-identical."""
        hyper: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values["hyper"].items()
        }
        origin = np.datetime64(values["origin"], "D")
        return cls(Sarimax(**hyper), origin, arrays["counts"], arrays["params"])
