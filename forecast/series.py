"""A validated series of daily counts."""

from __future__ import annotations

__all__ = ["ONE_DAY", "DailySeries", "SeriesError", "as_date", "as_day"]

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

Day: TypeAlias = np.datetime64
DayLike: TypeAlias = np.datetime64 | dt.date | str

ONE_DAY = np.timedelta64(1, "D")
# Forecasts extend beyond the last day, and dates end with the year 9999.
_FIRST_YEAR, _AFTER_LAST_YEAR = np.datetime64("1000-01-01"), np.datetime64("9000-01-01")
"""Unit for counting days: a bare number beside a date has none."""
_MOST = np.iinfo(np.int32).max  # the maximum in a sample path


class SeriesError(ValueError):
    """Values that are not a series of daily counts.

    Attributes
    ----------
    index : int | None
        Position of the invalid value, so that file readers can name its row.
    expected, actual : str
        The expected and the invalid value.
    """

    def __init__(self, index: int | None, expected: str, actual: str) -> None:
        self.index = index
        self.expected = expected
        self.actual = actual
        where = "" if index is None else f"value {index}: "
        super().__init__(f"{where}expected {expected}, found {actual}")


def as_day(value: DayLike) -> Day:
    """Return `value` (``datetime64``, ``date`` or ``YYYY-MM-DD``) as a ``datetime64[D]``."""
    return cast(Day, np.asarray(value, dtype="datetime64[D]")[()])


@dataclass(frozen=True, eq=False)
class DailySeries:
    """Whole, non-negative counts on consecutive days.

    Parameters
    ----------
    name : str
        The `series_id`, such as ``people``.
    start : datetime64[D]
        The first day.
    values : ndarray of int64, shape (n_days,)
        One count a day; read-only.

    Raises
    ------
    SeriesError
        If a value is negative, fractional, not finite or beyond 2^31 - 1, if there is none, or
        if `start` is not a day.
    """

    name: str
    start: Day
    values: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", as_day(self.start))
        if np.isnat(self.start):
            raise SeriesError(None, "a first day such as 2018-01-01", "none")
        for day in (self.start, self.start + (len(self.values) - 1) * ONE_DAY):
            if not _FIRST_YEAR <= day < _AFTER_LAST_YEAR:
                raise SeriesError(None, "days of the years 1000 to 8999", str(day))
        object.__setattr__(self, "values", _whole_counts(np.asarray(self.values)))

    @classmethod
    def from_days(
        cls, name: str, days: Sequence[DayLike] | npt.NDArray[np.datetime64], values: npt.ArrayLike
    ) -> DailySeries:
        """Build a series from explicit `days`, which must be consecutive and as many as `values`.

        Raises
        ------
        SeriesError
            If a day is repeated, missing or out of order, or if a value is not a count.
        """
        dates = np.asarray(days, dtype="datetime64[D]")
        counts = np.asarray(values)
        if len(dates) != len(counts):
            raise SeriesError(None, f"{len(dates)} values, one a day", f"{len(counts)}")
        if not len(dates):
            raise SeriesError(None, "at least one day", "none")
        steps = np.diff(dates)
        wrong = np.flatnonzero(steps != ONE_DAY)
        if len(wrong):
            at = int(wrong[0]) + 1
            raise SeriesError(
                at, f"{dates[at - 1] + ONE_DAY}, the day after {dates[at - 1]}", str(dates[at])
            )
        return cls(name, dates[0], counts)

    @property
    def dates(self) -> npt.NDArray[np.datetime64]:
        """The days, shape (n_days,)."""
        return self.start + np.arange(len(self.values)) * ONE_DAY  # (n_days,)

    @property
    def data_through(self) -> Day:
        """The last day."""
        return np.datetime64(self.start + (len(self.values) - 1) * ONE_DAY)

    def __len__(self) -> int:
        return len(self.values)

    def __contains__(self, day: DayLike) -> bool:
        return bool(self.start <= as_day(day) <= self.data_through)

    def index(self, day: DayLike) -> int:
        """Return the position of `day`; negative or beyond the end if outside."""
        return int((as_day(day) - self.start) // ONE_DAY)

    def on(self, day: DayLike) -> int:
        """Return the count on `day`; raises ``KeyError`` outside the series."""
        if day not in self:
            raise KeyError(f"{as_day(day)} is outside {self.start}..{self.data_through}")
        return int(self.values[self.index(day)])

    def upto(self, day: DayLike) -> DailySeries:
        """Return the days up to and including `day`; at least one must remain."""
        return self.between(self.start, day)

    def between(self, first: DayLike, last: DayLike) -> DailySeries:
        """Return the days from `first` to `last`, both included, within the series.

        Raises
        ------
        SeriesError
            If no day remains.
        """
        begin = max(self.index(first), 0)
        end = max(self.index(last) + 1, begin)
        return DailySeries(self.name, self.start + begin * ONE_DAY, self.values[begin:end])

    def total(self, first: DayLike, last: DayLike) -> int:
        """Sum of the known days from `first` to `last`; 0 if there are none."""
        begin, end = max(self.index(first), 0), max(self.index(last) + 1, 0)
        return int(self.values[begin:end].sum())


def as_date(day: Day) -> dt.date:
    """Return the ``datetime64[D]`` `day` as a ``date``."""
    return cast(dt.date, day.astype("datetime64[D]").item())


def _whole_counts(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    if values.ndim != 1 or not len(values):
        raise SeriesError(None, "at least one day", f"an array of shape {values.shape}")
    if values.dtype.kind not in "iu":
        if values.dtype.kind not in "bfO":
            raise SeriesError(None, "numbers", f"values of type {values.dtype}")
        try:
            numbers = values.astype(np.float64)
        except (TypeError, ValueError):
            raise SeriesError(None, "numbers", f"values of type {values.dtype}") from None
        wrong = np.flatnonzero(~np.isfinite(numbers) | (numbers != np.floor(numbers)))
        if len(wrong):
            at = int(wrong[0])
            raise SeriesError(at, "a whole number such as 437", f"{numbers[at]}")
        values = numbers
    wrong = np.flatnonzero((values < 0) | (values > _MOST))
    if len(wrong):
        at = int(wrong[0])
        expected = "a count of 0 or more" if values[at] < 0 else f"a count of at most {_MOST:,}"
        raise SeriesError(at, expected, f"{values[at]}")
    counts = values.astype(np.int64)
    counts.setflags(write=False)
    return counts
