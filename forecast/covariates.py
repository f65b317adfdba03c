"""Weather and other covariates: their history and an ensemble forecast."""

from __future__ import annotations

__all__ = ["CovariateTable", "Covariates", "CovariatesError", "ForecastArchive"]

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from forecast.series import ONE_DAY, Day, DayLike, as_day

Array = npt.NDArray[np.float64]


class CovariatesError(ValueError):
    """Covariates with gaps, text or mismatched members."""


@dataclass(frozen=True, eq=False)
class ForecastArchive:
    """Forecasts of the covariates issued at earlier origins.

    Parameters
    ----------
    names : tuple of str
    origins : ndarray of datetime64[D], shape (n_origins,)
        Increasing; a forecast starts on the day after its origin.
    values : ndarray, shape (n_origins, n_members, n_ahead, n_columns)
    """

    names: tuple[str, ...]
    origins: npt.NDArray[np.datetime64]
    values: Array

    def __post_init__(self) -> None:
        expected = (len(self.origins), len(self.names))
        if self.values.ndim != 4 or (self.values.shape[0], self.values.shape[3]) != expected:
            raise CovariatesError(
                f"expected forecasts of shape ({expected[0]}, n_members, n_ahead, {expected[1]}), "
                f"found {self.values.shape}"
            )
        if not self.values.shape[1]:
            raise CovariatesError("expected forecasts of a member or more, found none")
        if not np.isfinite(self.values).all():
            raise CovariatesError("expected finite forecasts, found a missing or infinite value")
        late = np.flatnonzero(self.origins[1:] <= self.origins[:-1])
        if len(late):
            before, origin = self.origins[late[0] : late[0] + 2]
            raise CovariatesError(f"expected origins in order, found {origin} behind {before}")

    def issued_at(self, origin: DayLike) -> Array:
        """Return the members issued at `origin`, shape (n_members, n_ahead, n_columns).

        Raises
        ------
        CovariatesError
            If no forecast was issued at `origin`.
        """
        place = int(np.searchsorted(self.origins, as_day(origin)))
        if place == len(self.origins) or self.origins[place] != as_day(origin):
            raise CovariatesError(f"expected a forecast issued at {as_day(origin)}, found none")
        return np.asarray(self.values[place])

    def before(self, origin: DayLike) -> ForecastArchive:
        """Return the forecasts issued before `origin`."""
        end = int(np.searchsorted(self.origins, as_day(origin)))
        return ForecastArchive(self.names, self.origins[:end], self.values[:end])

    def select(self, names: tuple[str, ...]) -> ForecastArchive:
        """Return the columns `names`, in that order."""
        at = [self.names.index(name) for name in names]
        return ForecastArchive(names, self.origins, self.values[..., at])


@dataclass(frozen=True, eq=False)
class Covariates:
    """Daily covariates of a series, as known at one origin.

    Parameters
    ----------
    names : tuple of str
        One name a column, with its unit (``wave_height_m``).
    start : datetime64[D]
        First day of the history.
    history : ndarray, shape (n_days, n_columns)
        Observations, or short-range forecasts; finite.
    future : ndarray, shape (n_members, n_ahead, n_columns)
        Equally likely futures of the days after the history; ``n_ahead`` may be 0.
    archive : ForecastArchive | None
        Forecasts at earlier origins, used to learn the forecast error.

    Raises
    ------
    CovariatesError
        If a shape does not fit or a value is not finite.
    """

    names: tuple[str, ...]
    start: Day
    history: Array
    future: Array
    archive: ForecastArchive | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", as_day(self.start))
        columns = len(self.names)
        if not columns or self.history.ndim != 2 or self.history.shape[1] != columns:
            raise CovariatesError(
                f"expected a history of shape (n_days, {columns}), found {self.history.shape}"
            )
        if self.future.ndim != 3 or self.future.shape[2] != columns or not len(self.future):
            raise CovariatesError(
                f"expected a future of shape (n_members, n_ahead, {columns}), "
                f"found {self.future.shape}"
            )
        if self.archive is not None and self.archive.names != self.names:
            expected, archived = ", ".join(self.names), ", ".join(self.archive.names)
            raise CovariatesError(f"expected forecasts of {expected}, found {archived}")
        if not (np.isfinite(self.history).all() and np.isfinite(self.future).all()):
            raise CovariatesError("expected finite numbers, found a missing or infinite value")

    @property
    def data_through(self) -> Day:
        """Last day of the history."""
        return np.datetime64(self.start + (len(self.history) - 1) * ONE_DAY)

    @property
    def n_members(self) -> int:
        """Number of futures."""
        return len(self.future)

    @property
    def n_ahead(self) -> int:
        """Number of days in the futures."""
        return int(self.future.shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """Return a hash of the whole content."""
        digest = hashlib.sha256(f"{self.names} {self.start} {self.future.shape};".encode())
        parts = [self.history, self.future]
        if self.archive is not None:
            digest.update(str(self.archive.origins).encode())
            parts += [self.archive.origins.astype("int64"), self.archive.values]
        for values in parts:
            digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        return digest.hexdigest()

    def as_at(self, origin: DayLike, days_ahead: int) -> Covariates:
        """Return the covariates as if `origin` were today.

        With an archive the futures are those issued at `origin`; otherwise the only one is the
        history after it.

        Raises
        ------
        CovariatesError
            If the history does not reach back to `origin`, or the archive has no forecast for it.
        """
        length = int((as_day(origin) - self.start).astype(np.int64)) + 1
        if not 1 <= length <= len(self.history):
            raise CovariatesError(f"expected a history up to {origin}, found from {self.start}")
        if self.archive is not None:
            issued = self.archive.issued_at(origin)[:, :days_ahead]
            earlier = self.archive.before(origin)
            return Covariates(self.names, self.start, self.history[:length], issued, earlier)
        observed = self.history[None, length : length + days_ahead]
        return Covariates(self.names, self.start, self.history[:length], observed)

    def select(self, names: tuple[str, ...]) -> Covariates:
        """Return the columns `names`, in that order.

        Raises
        ------
        CovariatesError
            If one of them does not exist.
        """
        missing = [name for name in names if name not in self.names]
        if missing:
            raise CovariatesError(
                f"expected a column {missing[0]!r}, found {', '.join(self.names)}"
            )
        at = [self.names.index(name) for name in names]
        archive = self.archive and self.archive.select(names)
        return Covariates(names, self.start, self.history[:, at], self.future[:, :, at], archive)


@dataclass(frozen=True, eq=False)
class CovariateTable:
    """The content of a covariate file: many days, some with several members.

    Parameters
    ----------
    names : tuple of str
    start : datetime64[D]
    values : ndarray, shape (n_members, n_days, n_columns)
        Days with a single version are the same in every member.
    n_single : int
        Number of days, from the first, with a single version.
    archive : ForecastArchive | None
        Forecasts at past origins; without it the history serves as its own forecast.
    """

    names: tuple[str, ...]
    start: Day
    values: Array
    n_single: int
    archive: ForecastArchive | None = None

    def at(
        self,
        origin: DayLike,
        horizon: int,
    ) -> Covariates:
        """Return the covariates as known at `origin`: history, and futures of `horizon` days.

        Raises
        ------
        CovariatesError
            If `origin` is before the first day, or after the last with a single version.
        """
        length = int((as_day(origin) - self.start).astype(np.int64)) + 1
        if not 1 <= length <= self.n_single:
            last = self.start + (self.n_single - 1) * ONE_DAY
            raise CovariatesError(
                f"expected a history of the covariates up to {as_day(origin)}, "
                f"found days from {self.start} to {last}"
            )
        history = self.values[0, :length]
        if self.archive is not None:
            issued = self.archive.issued_at(origin)[:, :horizon]
            earlier = self.archive.before(origin)
            return Covariates(self.names, self.start, history, issued, earlier)
        future = self.values[:, length : length + horizon]
        if length + future.shape[1] <= self.n_single:
            future = future[:1]  # all members are equal
        return Covariates(self.names, self.start, history, future)
