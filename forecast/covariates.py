"""Weather and other drivers: their history, and an ensemble of their futures."""

from __future__ import annotations

__all__ = ["Covariates", "CovariatesError"]

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecast.series import Day, as_day


class CovariatesError(ValueError):
    """Covariates with gaps, text or members that do not match."""


@dataclass(frozen=True, eq=False)
class Covariates:
    """Daily drivers of a series.

    Parameters
    ----------
    names : tuple of str
        One name a column, unit included (``wave_height_m``).
    start : datetime64[D]
        First day of the history.
    history : ndarray, shape (n_days, n_columns)
        What was observed, or forecast at the time; finite.
    future : ndarray, shape (n_members, n_ahead, n_columns)
        Equally likely futures of the days after the history; ``n_ahead`` may be 0.
    """

    names: tuple[str, ...]
    start: Day
    history: npt.NDArray[np.float64]
    future: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", as_day(self.start))
        columns = len(self.names)
        if self.history.ndim != 2 or self.history.shape[1] != columns:
            raise CovariatesError(
                f"expected a history of shape (n_days, {columns}), found {self.history.shape}"
            )
        if self.future.ndim != 3 or self.future.shape[2] != columns:
            raise CovariatesError(
                f"expected a future of shape (n_members, n_ahead, {columns}), "
                f"found {self.future.shape}"
            )
        if not (np.isfinite(self.history).all() and np.isfinite(self.future).all()):
            raise CovariatesError("expected finite numbers, found a missing or infinite value")
