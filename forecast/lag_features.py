"""Features of the recent past: levels, shares of days with arrivals, the last days.

One recursion serves both the history (over days) and the simulation (over paths), so that a model
sees the same features in its paths as in its fit.
"""

from __future__ import annotations

__all__ = ["Memory", "MemoryState", "level_of", "winsorise"]

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_FEWEST_BUSY_DAYS = 10
_TAMED = 3.0


def level_of(values: Array, half_life_days: float) -> Array:
    """Exponentially weighted mean up to and including each day, shape (n_days,).

    Normalised by the weight of the days so far, so that the first days count fully.
    """
    keep = 0.5 ** (1.0 / half_life_days)
    # scipy's lfilter gives the same bits but takes half a second to import.
    new = ((1.0 - keep) * values).tolist()
    total = np.array(list(accumulate(new, lambda before, value: keep * before + value)))
    return np.asarray(total / (1.0 - keep ** np.arange(1, len(values) + 1)))


def winsorise(counts: Array, window_days: int) -> Array:
    """Cap counts at three times the 95% quantile of the window's busy days.

    One extreme day, an error in the figures or the landing of a ship, then neither raises the level
    for months nor recurs in every path. Shape (n_days,) in and out.
    """
    lately = counts[-window_days:]
    busy = lately[lately > 0]
    if len(busy) < _FEWEST_BUSY_DAYS:
        return counts
    return np.minimum(counts, _TAMED * np.quantile(busy, 0.95))


@dataclass(frozen=True)
class Memory:
    """The features to compute.

    Attributes
    ----------
    level_half_lives : tuple of float
        Half-lives in days of exponentially weighted means of the counts.
    share_half_lives : tuple of float
        Half-lives in days of exponentially weighted shares of days with arrivals.
    lags : int
        Number of single past days, 1 or more.
    """

    level_half_lives: tuple[float, ...] = (20.0,)
    share_half_lives: tuple[float, ...] = (3.0, 10.0)
    lags: int = 3

    @property
    def n_means(self) -> int:
        """Number of levels and shares."""
        return len(self.level_half_lives) + len(self.share_half_lives)

    @property
    def width(self) -> int:
        """Number of features: log levels, shares, any on each lag, log count on each lag."""
        return self.n_means + 2 * self.lags

    def states(self, counts: Array) -> Array:
        """Return the state after each day of `counts` (n_days,), shape (n_means + lags, n_days).

        Levels, shares, last counts; days before the first count as days without arrivals.
        """
        n, busy = len(counts), (counts > 0).astype(np.float64)
        rows = [level_of(counts, days) for days in self.level_half_lives]
        rows += [level_of(busy, days) for days in self.share_half_lives]
        rows += [np.concatenate([np.zeros(k), counts[: n - k]]) for k in range(self.lags)]
        return np.stack(rows)

    def features(self, states: Array) -> Array:
        """Features known at the end of each day of `states`, shape (n_days, width)."""
        levels, means = len(self.level_half_lives), self.n_means
        lags = states[means:]
        return np.vstack(
            [np.log1p(states[:levels]), states[levels:means], lags > 0, np.log1p(lags)]
        ).T.copy()


class MemoryState:
    """The same features updated day by day along many paths.

    Parameters
    ----------
    state : ndarray, shape (n_means + lags,) or (n_means + lags, n_paths)
        The state of one day from `Memory.states`, shared or one per path.
    """

    def __init__(self, memory: Memory, state: Array, n_paths: int) -> None:
        means, lags = memory.n_means, memory.lags
        self._levels, self._means, self._lags = len(memory.level_half_lives), means, lags
        half_lives = np.array(memory.level_half_lives + memory.share_half_lives)
        self._keep = 0.5 ** (1.0 / half_lives)[:, None]  # (n_means, 1)
        begin = state[:, None] if state.ndim == 1 else state
        begin = np.broadcast_to(begin, (means + lags, n_paths))
        self._mean = begin[:means].copy()  # (n_means, n_paths)
        self._features = np.empty((memory.width, n_paths))
        self._features[means : means + lags] = begin[means:] > 0
        self._features[means + lags :] = np.log1p(begin[means:])

    def features(self, low: Array, high: Array) -> Array:
        """Features before the next day, (width, n_paths), with log levels clipped to the bounds."""
        features, levels = self._features, self._levels
        features[:levels] = np.clip(np.log1p(self._mean[:levels]), low[:, None], high[:, None])
        features[levels : self._means] = self._mean[levels:]
        return features

    @property
    def busy_yesterday(self) -> Array:
        """Whether the last day had arrivals, 0 or 1, shape (n_paths,)."""
        return np.asarray(self._features[self._means])

    def step(self, counts: Array) -> None:
        """Update with the counts of one more day, shape (n_paths,)."""
        busy = counts > 0
        levels, means, lags = self._levels, self._means, self._lags
        self._mean *= self._keep
        self._mean[:levels] += (1.0 - self._keep[:levels]) * counts
        self._mean[levels:] += (1.0 - self._keep[levels:]) * busy
        features = self._features
        features[means + 1 : means + lags] = features[means : means + lags - 1].copy()
        features[means + lags + 1 :] = features[means + lags : -1].copy()
        features[means], features[means + lags] = busy, np.log1p(counts)
