"""Peers with the same weather as ours: observations, and every member of the forecast.

Beyond the members' last day each future continues with the same days of a random past year.
"""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt

from bench.peers import Array, Draw, Peer
from forecast.calendar import harmonics, weekday
from forecast.covariates import Covariates
from forecast.series import ONE_DAY, DailySeries

_YEAR = 365
_FUTURES = 20
"""Number of futures if there are fewer members."""

_LEVELS = np.array([0.02, 0.05, *np.arange(0.1, 0.95, 0.1), 0.95, 0.98])
_LEADS, _COPIES = 28, 3
_ROUNDS = 150
_TREES = {
    "objective": "quantile",
    "num_leaves": 15,
    "learning_rate": 0.05,
    "min_data_in_leaf": 40,
    "num_threads": 1,
    "verbosity": -1,
    "seed": 1,
}


def _futures(covariates: Covariates, horizon: int, rng: np.random.Generator) -> Array:
    """Weather of the coming days, shape (n_futures, horizon, k)."""
    past, given = covariates.history, covariates.future[:, :horizon]
    n = max(len(given), _FUTURES)
    out = np.empty((n, horizon, past.shape[1]))
    out[:, : given.shape[1]] = given[np.arange(n) % len(given)]
    ahead = np.arange(given.shape[1], horizon)
    years = rng.integers(-(-horizon // _YEAR), len(past) // _YEAR, size=(n, 1), endpoint=True)
    out[:, given.shape[1] :] = past[len(past) + ahead - years * _YEAR]
    return out


def _shares(n_paths: int, n_futures: int) -> list[int]:
    """Return the number of paths of each future."""
    return np.diff(np.arange(n_futures + 1) * n_paths // n_futures).tolist()


def _together(series: DailySeries, covariates: Covariates) -> tuple[DailySeries, Array]:
    """Return the days with both a count and weather."""
    first = max(series.start, covariates.start)
    days = series.between(first, series.data_through)
    return days, covariates.history[-len(days) :]


def _prophet(series: DailySeries, covariates: Covariates) -> Draw:
    """Each column as a regressor (Taylor and Letham 2018)."""
    logging.getLogger("prophet").setLevel(logging.CRITICAL)
    import cmdstanpy
    import pandas as pd
    import prophet

    cmdstanpy.utils.get_logger().setLevel(logging.CRITICAL)
    names = list(covariates.names)
    model = prophet.Prophet(yearly_seasonality=True, weekly_seasonality=True)
    for name in names:
        model.add_regressor(name)

    def frame(days: npt.NDArray[np.datetime64], weather: Array) -> pd.DataFrame:
        return pd.DataFrame(weather, columns=names).assign(ds=pd.to_datetime(days))

    days, weather = _together(series, covariates)
    np.random.seed(1)
    model.fit(frame(days.dates, weather).assign(y=days.values.astype(np.float64)), seed=1)

    def draw(horizon: int, n_paths: int, rng: np.random.Generator) -> Array:
        futures = _futures(covariates, horizon, rng)
        coming = series.data_through + np.arange(1, horizon + 1) * ONE_DAY
        np.random.seed(int(rng.integers(2**32)))
        samples = []
        for future, share in zip(futures, _shares(n_paths, len(futures)), strict=True):
            model.uncertainty_samples = share
            samples.append(model.predictive_samples(frame(coming, future))["yhat"].T)
        return np.concatenate(samples)

    return draw


def _auto_arima(series: DailySeries, covariates: Covariates, window_days: int) -> Draw:
    """Regression on the columns with ARIMA errors, on recent days (Garza et al. 2022).

    Uses deviations from the means: the package does not simulate a constant beside columns.
    """
    from statsforecast import models

    days, weather = _together(series, covariates)
    counts, weather = days.values.astype(np.float64)[-window_days:], weather[-window_days:]
    level, usual = counts.mean(), weather.mean(axis=0)
    model = models.AutoARIMA(season_length=7, allowdrift=False, allowmean=False)
    fitted = model.fit(counts - level, X=weather - usual)
    effects = fitted.model_["coef"]
    effect = np.array([effects[f"ex_{k + 1}"] for k in range(weather.shape[1])])

    def draw(horizon: int, n_paths: int, rng: np.random.Generator) -> Array:
        futures = _futures(covariates, horizon, rng) - usual
        return level + np.concatenate(
            [
                # `simulate` takes the columns and leaves them out of what it returns.
                fitted.simulate(horizon, share, seed=int(rng.integers(2**31)), X=future)
                + future @ effect
                for future, share in zip(futures, _shares(n_paths, len(futures)), strict=True)
            ]
        )

    return draw


def _lightgbm(series: DailySeries, covariates: Covariates) -> Draw:
    """Quantiles of each day by gradient boosting (Ke et al. 2017), joined like past days.

    A day is predicted from an origin 1 to 28 days before, by its weather and the previous day's,
    its season and weekday, the lead, and means of the last days up to the origin. Draws from the
    quantiles of each member are ordered like the days of past windows (the Schaake shuffle, Clark
    et al. 2004).
    """
    import lightgbm

    days, weather = _together(series, covariates)
    counts = days.values.astype(np.float64)
    running = np.concatenate([[0.0], np.cumsum(counts)])

    def recent(at: npt.NDArray[np.int64]) -> Array:
        """Means of the last 1, 7, 28 and 91 days up to each day `at`, shape (n, 4)."""
        end = at + 1
        return np.stack([(running[end] - running[end - m]) / m for m in (1, 7, 28, 91)], axis=-1)

    def row(dates: npt.NDArray[np.datetime64], lead: Array, *columns: Array) -> Array:
        season = np.column_stack([harmonics(dates, 1), weekday(dates), lead])
        return np.column_stack([season, *columns])

    rng = np.random.default_rng(1)
    at = np.repeat(np.arange(91 + _LEADS, len(days)), _COPIES)
    lead = rng.integers(1, _LEADS, size=len(at), endpoint=True)
    x = row(days.dates[at], lead, weather[at], weather[at - 1], recent(at - lead))
    fitted = [
        lightgbm.train(_TREES | {"alpha": level}, lightgbm.Dataset(x, counts[at]), _ROUNDS)
        for level in _LEVELS
    ]

    def draw(horizon: int, n_paths: int, rng: np.random.Generator) -> Array:
        futures = _futures(covariates, horizon, rng)
        ahead = np.arange(1, horizon + 1)
        coming = series.data_through + ahead * ONE_DAY
        now = np.tile(recent(np.array([len(days) - 1])), (horizon, 1))
        predictions = []
        for future, share in zip(futures, _shares(n_paths, len(futures)), strict=True):
            before = np.vstack([weather[-1:], future[:-1]])
            rows = row(coming, np.minimum(ahead, _LEADS), future, before, now)
            bounds = np.sort([model.predict(rows) for model in fitted], axis=0)  # (levels, days)
            uniforms = rng.random((share, horizon))
            predictions.append(
                np.column_stack(
                    [np.interp(uniforms[:, d], _LEVELS, bounds[:, d]) for d in range(horizon)]
                )
            )
        begins = rng.integers(0, len(counts) - horizon, size=n_paths, endpoint=True)
        windows = counts[begins[:, None] + np.arange(horizon)] + rng.random((n_paths, horizon)) / 2
        ranks = windows.argsort(axis=0).argsort(axis=0)
        return np.take_along_axis(np.sort(np.concatenate(predictions), axis=0), ranks, axis=0)

    return draw


_ARIMA = {"window_days": 730}
PEERS = {
    "prophet_weather": Peer("Prophet with regressors", ("prophet",), _prophet),
    "auto_arima_weather": Peer(
        "AutoARIMA (7) with exogenous columns, last 730 days",
        ("statsforecast",),
        _auto_arima,
        _ARIMA,
    ),
    "lightgbm_weather": Peer("LightGBM quantiles", ("lightgbm",), _lightgbm),
}
