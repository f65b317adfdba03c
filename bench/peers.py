"""Forecasts by other packages, with the interface of our forecasters.

Peers are shown as their packages draw them, including negative numbers, and again cut at zero, as
a careful user would do. Cutting improves days but raises the totals of paths, which then score
worse.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast.covariates import Covariates
from forecast.forecasters.base import FitError
from forecast.series import ONE_DAY, DailySeries, Day

Array = npt.NDArray[np.float64]
Draw = Callable[[int, int, np.random.Generator], Array]
"""Horizon, number of paths, generator -> paths (n_paths, horizon)."""

_WEEK = 7
_FIVE_YEARS = 1826


@dataclass(frozen=True, eq=False)
class RawPaths:
    """Paths as a package returned them, (n_paths, horizon), to be scored like `Paths`."""

    start: Day
    values: Array

    def upto(self, horizon: int) -> RawPaths:
        """Return the first `horizon` days of every path."""
        return RawPaths(self.start, self.values[:, :horizon])

    def cut(self) -> RawPaths:
        """Return a copy with negative values set to zero."""
        return RawPaths(self.start, np.maximum(self.values, 0.0))

    def mean(self) -> Array:
        """Mean of each day, shape (horizon,)."""
        return np.asarray(self.values.mean(axis=0))

    def p_zero(self) -> Array:
        """Share of the paths that round to zero or less, shape (horizon,)."""
        return np.asarray((self.values < 0.5).mean(axis=0))


@dataclass(frozen=True)
class Peer:
    """A peer: the `packages` it needs, and a function that fits it, with `extras`.

    If fitted with covariates, it uses them too.
    """

    title: str
    packages: tuple[str, ...]
    learn: Callable[..., Draw]
    extras: dict[str, Any] = field(default_factory=dict)

    def fit(self, series: DailySeries, covariates: Covariates | None = None) -> _Fitted:
        """Fit; any failure of the package counts as declined at this origin."""
        given = (series,) if covariates is None else (series, covariates)
        with warnings.catch_warnings(action="ignore"):
            try:
                return _Fitted(series.data_through, self.learn(*given, **self.extras))
            except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
                raise FitError(f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True, eq=False)
class _Fitted:
    origin: Day
    draw: Draw

    def simulate(self, horizon: int, n_paths: int, rng: np.random.Generator) -> RawPaths:
        with warnings.catch_warnings(action="ignore"):
            values = self.draw(horizon, n_paths, rng)
        if values.shape != (n_paths, horizon) or not np.isfinite(values).all():
            raise FitError(f"paths of shape {values.shape}, not all of them finite")
        return RawPaths(self.origin + ONE_DAY, values)


def _prophet(series: DailySeries, log: bool = False, **options: Any) -> Draw:
    """Taylor and Letham (2018), The American Statistician 72(1); the package's defaults."""
    logging.getLogger("prophet").setLevel(logging.CRITICAL)
    import cmdstanpy
    import pandas as pd
    import prophet

    cmdstanpy.utils.get_logger().setLevel(logging.CRITICAL)
    counts = series.values.astype(np.float64)
    counts = np.log1p(counts) if log else counts
    frame = pd.DataFrame({"ds": pd.to_datetime(series.dates), "y": counts})
    model = prophet.Prophet(yearly_seasonality=True, weekly_seasonality=True, **options)
    np.random.seed(1)
    model.fit(frame, seed=1)

    def draw(horizon: int, n_paths: int, rng: np.random.Generator) -> Array:
        days = series.data_through + np.arange(1, horizon + 1) * ONE_DAY
        model.uncertainty_samples = n_paths
        np.random.seed(int(rng.integers(2**32)))
        samples = model.predictive_samples(pd.DataFrame({"ds": pd.to_datetime(days)}))["yhat"].T
        return np.asarray(np.expm1(samples) if log else samples)

    return draw


def _statsforecast(series: DailySeries, model: str, window_days: int | None = None) -> Draw:
    """Garza et al. (2022), StatsForecast; weekly season, simulated paths, normal errors."""
    from statsforecast import models

    counts = series.values.astype(np.float64)[-(window_days or 0) :]
    fitted = getattr(models, model)(season_length=_WEEK).fit(counts)

    def draw(horizon: int, n_paths: int, rng: np.random.Generator) -> Array:
        return np.asarray(fitted.simulate(horizon, n_paths, seed=int(rng.integers(2**31))))

    return draw


def _monks(series: DailySeries) -> Draw:
    """Average of Prophet and a regression with ARIMA (1,1,3)(1,0,1,7) errors.

    As published: five years of days, New Year's Day as a special day in both, forecasts and bounds
    averaged. Averaging the bounds at every level averages quantiles; the dependence between days,
    which they leave open, follows the ARIMA paths.

    Monks et al. (2023), BMC Medical Informatics and Decision Making 23, 117.
    """
    recent = series.between(series.data_through - (_FIVE_YEARS - 1) * ONE_DAY, series.data_through)
    arima, prophet = _arima(recent), _prophet(recent, holidays=_new_years(recent))

    def draw(horizon: int, n_paths: int, rng: np.random.Generator) -> Array:
        one = arima(horizon, n_paths, rng)
        other = np.sort(prophet(horizon, n_paths, rng), axis=0)
        ranks = one.argsort(axis=0).argsort(axis=0)
        return np.asarray((one + np.take_along_axis(other, ranks, axis=0)) / 2)

    return draw


def _arima(series: DailySeries) -> Draw:
    from statsmodels.tsa.arima.model import ARIMA

    warnings.simplefilter("ignore")  # again: loading the package enabled some

    def special(days: npt.NDArray[np.datetime64]) -> Array:
        return (days == days.astype("datetime64[Y]")).astype(np.float64)[:, None]

    fitted = ARIMA(
        series.values.astype(np.float64),
        exog=special(series.dates),
        order=(1, 1, 3),
        seasonal_order=(1, 0, 1, _WEEK),
        enforce_stationarity=False,
    ).fit()

    def draw(horizon: int, n_paths: int, rng: np.random.Generator) -> Array:
        new = special(series.data_through + np.arange(1, horizon + 1) * ONE_DAY)
        samples = fitted.simulate(horizon, anchor="end", repetitions=n_paths, exog=new, rng=rng)
        return np.asarray(samples).reshape(horizon, n_paths).T

    return draw


def _new_years(series: DailySeries) -> Any:
    import pandas as pd

    first, last = series.dates[0].astype("datetime64[Y]"), series.data_through + 400 * ONE_DAY
    days = np.arange(first, last.astype("datetime64[Y]") + 1).astype("datetime64[D]")
    return pd.DataFrame({"holiday": "new_year", "ds": pd.to_datetime(days)})


_PROPHET, _STATS, _BOTH = ("prophet",), ("statsforecast",), ("prophet", "statsmodels")
_ARIMA = {"model": "AutoARIMA", "window_days": 730}
PEERS = {
    "naive_7": Peer("Seasonal naive (7)", _STATS, _statsforecast, {"model": "SeasonalNaive"}),
    "prophet_defaults": Peer("Prophet, defaults, yearly + weekly", _PROPHET, _prophet),
    "prophet_log1p": Peer("Prophet on log1p", _PROPHET, _prophet, {"log": True}),
    "auto_ets": Peer("AutoETS (7)", _STATS, _statsforecast, {"model": "AutoETS"}),
    "auto_arima": Peer("AutoARIMA (7), last 730 days", _STATS, _statsforecast, _ARIMA),
    "monks_2023": Peer("Monks et al. 2023: Prophet with ARIMA errors", _BOTH, _monks),
}


def missing(peers: Iterable[Peer]) -> list[str]:
    """Return the packages that `peers` need and that are not installed."""
    packages = {package for peer in peers for package in peer.packages}
    return sorted(package for package in packages if importlib.util.find_spec(package) is None)
