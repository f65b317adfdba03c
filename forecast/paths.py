"""Joint sample paths, from which every forecast is computed.

Bands, totals and probabilities are all computed from one array of whole, non-negative counts, so
that days, weeks and years are consistent. Bounds are never added: totals are sums along each
path.
"""

from __future__ import annotations

__all__ = [
    "Paths",
    "PathsError",
    "bound_names",
    "interval_probabilities",
    "quantiles",
    "summary",
]

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from forecast.series import ONE_DAY, Day, DayLike, as_day


class PathsError(ValueError):
    """An array that is not a set of paths, or a question beyond the paths."""


@dataclass(frozen=True, eq=False)
class Paths:
    """Equally likely futures of one series, joint over days.

    Parameters
    ----------
    start : datetime64[D]
        The first target day.
    values : ndarray of int32, shape (n_paths, horizon)
        Whole, non-negative counts; read-only.

    Raises
    ------
    PathsError
        If the array is not two-dimensional, is empty, or holds anything but whole counts.
    """

    start: Day
    values: npt.NDArray[np.int32]

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        if values.ndim != 2 or 0 in values.shape:
            raise PathsError(f"expected paths of shape (n_paths, horizon), found {values.shape}")
        if values.dtype.kind not in "iu":
            raise PathsError(f"expected whole counts, found an array of {values.dtype}")
        if values.min() < 0 or values.max() > np.iinfo(np.int32).max:
            raise PathsError(
                f"expected counts from 0 to 2^31 - 1, found {values.min()} to {values.max()}"
            )
        whole = np.array(values, dtype=np.int32)
        whole.setflags(write=False)
        object.__setattr__(self, "start", as_day(self.start))
        object.__setattr__(self, "values", whole)

    @property
    def n_paths(self) -> int:
        """Number of paths."""
        return int(self.values.shape[0])

    @property
    def horizon(self) -> int:
        """Number of target days."""
        return int(self.values.shape[1])

    @property
    def dates(self) -> npt.NDArray[np.datetime64]:
        """Target days, shape (horizon,)."""
        return self.start + np.arange(self.horizon) * ONE_DAY

    @property
    def end(self) -> Day:
        """The last target day."""
        return np.datetime64(self.start + (self.horizon - 1) * ONE_DAY)

    @cached_property
    def _sorted(self) -> npt.NDArray[np.int32]:
        return np.sort(self.values, axis=0)  # (n_paths, horizon)

    @cached_property
    def _mean(self) -> npt.NDArray[np.float64]:
        return np.asarray(self.values.mean(axis=0, dtype=np.float64))

    @cached_property
    def _p_zero(self) -> npt.NDArray[np.float64]:
        return np.asarray((self.values == 0).mean(axis=0))

    def upto(self, horizon: int) -> Paths:
        """Return the first `horizon` days of every path."""
        if not 1 <= horizon <= self.horizon:
            raise PathsError(f"expected a horizon of 1 to {self.horizon} days, found {horizon}")
        return Paths(self.start, self.values[:, :horizon])

    def quantiles(self, probabilities: Sequence[float]) -> npt.NDArray[np.int32]:
        """Quantiles of each day, shape (n_probabilities, horizon); all are counts in the sample."""
        return _of_sorted(self._sorted, probabilities)

    def median(self) -> npt.NDArray[np.int32]:
        """Median of each day, shape (horizon,)."""
        middle: npt.NDArray[np.int32] = self.quantiles([0.5])[0]
        return middle

    def mean(self) -> npt.NDArray[np.float64]:
        """Mean of each day, shape (horizon,)."""
        return self._mean

    def summary(self, levels: Sequence[float]) -> dict[str, npt.NDArray[np.generic]]:
        """Median, mean and the bounds of the central interval at each level, for each day.

        Parameters
        ----------
        levels : sequence of float
            In per cent, such as 80.

        Returns
        -------
        dict
            ``median``, ``mean`` and the names from `bound_names`, each an array of shape (horizon,)
            in the unit of the paths; all but the mean are counts in the sample.
        """
        return _summary(self._sorted, self._mean, levels)

    def p_zero(self) -> npt.NDArray[np.float64]:
        """Probability of no arrivals on each day, shape (horizon,)."""
        return self._p_zero

    def total(self, first: DayLike, last: DayLike) -> npt.NDArray[np.int64]:
        """Sum of each path over the days `first` to `last`, both included, shape (n_paths,).

        Raises
        ------
        PathsError
            If the span is empty or extends beyond the target days.
        """
        begin, end = as_day(first), as_day(last)
        if begin > end or begin < self.start or end > self.end:
            raise PathsError(
                f"expected a span within {self.start}..{self.end}, found {begin}..{end}"
            )
        i, j = int((begin - self.start) / ONE_DAY), int((end - self.start) / ONE_DAY)
        return np.asarray(self.values[:, i : j + 1].sum(axis=1, dtype=np.int64))

    def rolling(self, window: int) -> npt.NDArray[np.int64]:
        """Sums over each run of `window` days, shape (n_paths, horizon - window + 1).

        Column ``k`` sums the target days ``k`` to ``k + window - 1``.
        """
        if not 1 <= window <= self.horizon:
            raise PathsError(f"expected a window of 1 to {self.horizon} days, found {window}")
        running = np.zeros((self.n_paths, self.horizon + 1), dtype=np.int64)
        np.cumsum(self.values, axis=1, out=running[:, 1:])
        return np.asarray(running[:, window:] - running[:, :-window])

    def exceedance(self, threshold: float, window: int = 1) -> npt.NDArray[np.float64]:
        """P(sum of `window` days > `threshold`), shape (horizon - window + 1,)."""
        return np.asarray((self.rolling(window) > threshold).mean(axis=0))

    def any_exceedance(self, threshold: float, window: int = 1) -> float:
        """P(some run of `window` days within the horizon sums to more than `threshold`)."""
        return float((self.rolling(window) > threshold).any(axis=1).mean())

    def present(
        self, stay_days: int, before: npt.NDArray[np.int64] | None = None
    ) -> npt.NDArray[np.int64]:
        """People present on each day if each stays `stay_days`, the day of arrival included.

        Parameters
        ----------
        stay_days : int
        before : ndarray, shape (n_days,)
            Known counts of the days before the paths, the latest last; earlier days count as none.

        Returns
        -------
        ndarray, shape (n_paths, horizon)
        """
        if stay_days < 1:
            raise PathsError(f"expected a stay of 1 day or more, found {stay_days}")
        lead = np.zeros(stay_days - 1, dtype=np.int64)
        recent = (
            np.zeros(0, np.int64) if before is None else before[max(len(before) - len(lead), 0) :]
        )
        lead[len(lead) - len(recent) :] = recent
        running = np.zeros((self.n_paths, len(lead) + self.horizon + 1), dtype=np.int64)
        running[:, 1 : len(lead) + 1] = np.cumsum(lead)
        np.cumsum(self.values, axis=1, out=running[:, len(lead) + 1 :])
        running[:, len(lead) + 1 :] += lead.sum()
        return np.asarray(running[:, stay_days:] - running[:, :-stay_days])

    def longest_quiet_run(self) -> npt.NDArray[np.int64]:
        """Length of the longest run of days without arrivals in each path, shape (n_paths,)."""
        longest = np.zeros(self.n_paths, dtype=np.int64)
        run = np.zeros(self.n_paths, dtype=np.int64)
        for day in range(self.horizon):
            run = np.where(self.values[:, day] == 0, run + 1, 0)
            np.maximum(longest, run, out=longest)
        return longest

    def quiet_days(self) -> npt.NDArray[np.int64]:
        """Number of days without arrivals in each path, shape (n_paths,)."""
        return np.asarray((self.values == 0).sum(axis=1, dtype=np.int64))


def interval_probabilities(level: float) -> tuple[float, float]:
    """Probabilities of the bounds of the central interval at `level` per cent (0 < level < 100)."""
    if not 0 < level < 100:
        raise PathsError(f"expected a level between 0 and 100, found {level}")
    tail = (100.0 - level) / 200.0
    return tail, 1.0 - tail


def bound_names(levels: Sequence[float]) -> list[str]:
    """Return ``lo50 hi50 lo80 …``, the names of the central intervals' bounds at `levels`."""
    return [f"{bound}{level}" for level in levels for bound in ("lo", "hi")]


def summary(
    sample: npt.NDArray[np.integer], levels: Sequence[float]
) -> dict[str, npt.NDArray[np.generic]]:
    """Summarise a `sample` of counts along its first axis, like `Paths.summary`.

    Returns
    -------
    dict
        Arrays of shape (…) for a sample of shape (n_paths, …).
    """
    mean = np.asarray(sample.mean(axis=0, dtype=np.float64))
    return _summary(np.sort(sample, axis=0), mean, levels)


def quantiles(sample: npt.NDArray[np.integer], probabilities: Sequence[float]) -> npt.NDArray:  # type: ignore[type-arg]
    """Quantiles along the first axis of a `sample` of counts.

    Uses the inverse of the empirical distribution function: quantiles are whole counts, and at
    least ``p`` of the sample is at or below them.

    Returns
    -------
    ndarray, shape (n_probabilities, …)

    References
    ----------
    Hyndman and Fan (1996), The American Statistician 50(4), definition 1.
    """
    return _of_sorted(np.sort(sample, axis=0), probabilities)


def _summary(
    ordered: npt.NDArray[np.integer], mean: npt.NDArray[np.float64], levels: Sequence[float]
) -> dict[str, npt.NDArray[np.generic]]:
    bounds = [p for level in levels for p in interval_probabilities(level)]
    median, *rest = _of_sorted(ordered, [0.5, *bounds])
    return {
        "median": median,
        "mean": mean,
        **dict(zip(bound_names(levels), rest, strict=True)),
    }


def _of_sorted(ordered: npt.NDArray, probabilities: Sequence[float]) -> npt.NDArray:  # type: ignore[type-arg]
    n = len(ordered)
    if not all(0 <= p <= 1 for p in probabilities):
        raise PathsError(f"expected probabilities from 0 to 1, found {list(probabilities)}")
    # Rounding to 1e-9 keeps 0.9 * 1000 at the 900th value despite binary fractions.
    rank = np.ceil(np.round(np.asarray(probabilities) * n, 9)).astype(np.int64)
    picked: npt.NDArray[np.generic] = ordered[np.clip(rank, 1, n) - 1]
    return picked
