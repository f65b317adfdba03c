"""Analogs: runs of past days that followed days like today, scaled to the current level.

A path is a chain of runs of consecutive past days. Each run follows a past day that resembles the
path's last day: similar season, recent, arrivals or none on it and the day before, a similar share
of busy days, a similar level. Whole runs preserve the clusters of calm and rough days that
determine totals.
"""

from __future__ import annotations

__all__ = ["Analog", "FittedAnalog"]

from collections.abc import Set
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast.calendar import MEAN_YEAR
from forecast.covariates import Covariates
from forecast.forecasters.base import LEAST_DAYS, State, require_days, whole_people
from forecast.lag_features import level_of, winsorise
from forecast.paths import Paths
from forecast.series import ONE_DAY, DailySeries, Day
from forecast.strata import stratified_uniforms

Array = npt.NDArray[np.float64]

_FLOOR = 3.0
"""People per day, added to levels before taking ratios."""

_NO_MATTER = 1e6
"""A width that makes similarity irrelevant."""

_LEAST_LOG_WEIGHT = -8.0

_SCALES = (0.2, 5.0)
"""Bounds of the scaling factor of a run."""


@dataclass(frozen=True)
class Analog:
    """Hyperparameters; widths are standard deviations of Gaussian kernels.

    Attributes
    ----------
    block_days : int
        Length of a run.
    season_days : float
        Width in days of the year.
    age_half_life_days : float
        Age in days at which a day's weight halves.
    max_age_days : int
        Older days are not used.
    level_half_life_days, level_power, level_width : float
        A run is scaled by the ratio of the levels to this power; width in logs of the level.
    share_half_life_days, share_width : float
        Recent share of busy days.
    any_width, before_width : float
        Arrivals or none on the last day, and on the day before.
    count_width : float
        Log of the last day's count minus log of the level.
    size_cap : float
        Maximum of a day, as a multiple of the largest past day.

    References
    ----------
    Lorenz (1969), Journal of the Atmospheric Sciences 26(4); Lall and Sharma (1996), Water
    Resources Research 32(3).
    """

    block_days: int = 28
    season_days: float = 30.0
    age_half_life_days: float = 500.0
    max_age_days: int = 1600
    level_half_life_days: float = 45.0
    level_power: float = 0.6
    level_width: float = 1.5
    share_half_life_days: float = 3.0
    share_width: float = 0.3
    any_width: float = 0.7
    before_width: float = 1.5
    count_width: float = 1.0
    size_cap: float = 2.0

    def fit(self, series: DailySeries, covariates: Covariates | None = None) -> FittedAnalog:
        """Store the days to draw from; needs 60 days and two runs. Ignores `covariates`."""
        require_days(series, LEAST_DAYS + 2 * self.block_days, "analog")
        y = winsorise(series.values.astype(np.float64), self.max_age_days)
        keep = slice(max(0, len(y) - self.max_age_days), None)
        level = level_of(y, self.level_half_life_days)
        share = level_of((y > 0).astype(np.float64), self.share_half_life_days)
        return FittedAnalog(self, series.data_through, y[keep], level[keep], share[keep])


@dataclass(frozen=True, eq=False)
class FittedAnalog:
    """The days to draw from: counts, levels and shares, each (n_days,), ending at the origin."""

    hyper: Analog
    origin: Day
    counts: Array
    level: Array
    share: Array

    @property
    def factors(self) -> tuple[str, ...]:
        """Factors that explain the forecast."""
        return ("season", "recent level", "yesterday")

    def simulate(self, horizon: int, n_paths: int, rng: np.random.Generator) -> Paths:
        """Draw chains of runs starting after the last day."""
        return self.simulate_after(np.zeros((n_paths, 0)), horizon, rng)

    def simulate_after(self, lead: Array, horizon: int, rng: np.random.Generator) -> Paths:
        """Draw chains of runs that continue `lead`, (n_paths, n_days), the first days of paths."""
        return Paths(self.origin + ONE_DAY, whole_people(self._draw(lead, horizon, rng)))

    def mean_without(
        self, absent: Set[str], horizon: int, n_paths: int, rng: np.random.Generator
    ) -> Array:
        """Mean forecast ignoring similarity in the factors `absent`, (horizon,)."""
        hyper = self.hyper
        if "season" in absent:
            hyper = replace(hyper, season_days=_NO_MATTER)
        if "recent level" in absent:
            hyper = replace(hyper, level_power=0.0, level_width=_NO_MATTER, share_width=_NO_MATTER)
        if "yesterday" in absent:
            hyper = replace(
                hyper, any_width=_NO_MATTER, before_width=_NO_MATTER, count_width=_NO_MATTER
            )
        other = replace(self, hyper=hyper)
        return np.asarray(other._draw(np.zeros((n_paths, 0)), horizon, rng).mean(axis=0))

    def _draw(self, lead: Array, horizon: int, rng: np.random.Generator) -> Array:
        h, y, n_paths = self.hyper, self.counts, len(lead)
        block = min(h.block_days, horizon)
        done = min(lead.shape[1], horizon)
        out = np.zeros((n_paths, horizon))
        out[:, :done] = lead[:, :done]
        level, share = np.full(n_paths, self.level[-1]), np.full(n_paths, self.share[-1])
        last_two = np.repeat(y[-2:][None], n_paths, axis=0)
        level, share, last_two = self._advance(out[:, :done], level, share, last_two)
        candidates = np.arange(min(60, len(y) // 3), len(y) - block)
        cap = h.size_cap * max(float(y.max()), 1.0)
        while done < horizon:
            take = min(block, horizon - done)
            near, base = self._season(candidates, done)
            rows = slice(0, 1) if done == 0 else slice(None)  # all paths start from the same day
            weights = self._likeness(near, base, level[rows], share[rows], last_two[rows])
            pick = near[_pick(weights, n_paths, rng)]
            scale = ((level + _FLOOR) / (self.level[pick] + _FLOOR)) ** h.level_power
            run = y[pick[:, None] + np.arange(1, take + 1)]
            scaled = np.rint(run * np.clip(scale, *_SCALES)[:, None])
            run = np.where(run > 0, np.clip(scaled, 1.0, cap), 0.0)
            out[:, done : done + take] = run
            level, share, last_two = self._advance(run, level, share, last_two)
            done += take
        return out

    def _season(
        self, candidates: npt.NDArray[np.int64], ahead: int
    ) -> tuple[npt.NDArray[np.int64], Array]:
        """Candidates near the season of `ahead` days after the origin, and their log weights."""
        age = len(self.counts) - 1 - candidates
        apart = (ahead + age + MEAN_YEAR / 2) % MEAN_YEAR - MEAN_YEAR / 2
        log = (
            -np.log(2.0) * age / self.hyper.age_half_life_days
            - 0.5 * (apart / self.hyper.season_days) ** 2
        )
        keep = log > log.max() + _LEAST_LOG_WEIGHT
        return candidates[keep], log[keep]

    def _likeness(
        self,
        near: npt.NDArray[np.int64],
        base: Array,
        level: Array,
        share: Array,
        last_two: Array,
    ) -> Array:
        """Weight of each candidate for each path, shape (n_paths or 1, n_candidates)."""
        h, y = self.hyper, self.counts

        def apart(path: npt.NDArray[Any], past: npt.NDArray[Any], width: float) -> Array:
            return np.asarray(((path[:, None] - past) / width) ** 2)

        def relative(count: Array, of: Array) -> Array:
            return np.where(count > 0, np.log1p(count) - np.log1p(of), 0.0)

        busy, busy_before = (y[near] > 0).astype(float), (y[near - 1] > 0).astype(float)
        today = relative(y[near], self.level[near])
        log = base - 0.5 * (
            apart(share, self.share[near], h.share_width)
            + apart((last_two[:, 1] > 0).astype(float), busy, h.any_width)
            + apart((last_two[:, 0] > 0).astype(float), busy_before, h.before_width)
            + apart(relative(last_two[:, 1], level), today, h.count_width)
            + apart(np.log(level + _FLOOR), np.log(self.level[near] + _FLOOR), h.level_width)
        )
        return np.asarray(np.exp(log - log.max(axis=1, keepdims=True)))

    def _advance(
        self, run: Array, level: Array, share: Array, last_two: Array
    ) -> tuple[Array, Array, Array]:
        """Level, share and last two days after `run`, shape (n_paths, n_days)."""
        slow = 0.5 ** (1.0 / self.hyper.level_half_life_days)
        fast = 0.5 ** (1.0 / self.hyper.share_half_life_days)
        for day in range(run.shape[1]):
            level = slow * level + (1.0 - slow) * run[:, day]
            share = fast * share + (1.0 - fast) * (run[:, day] > 0)
        return level, share, np.concatenate([last_two, run], axis=1)[:, -2:]

    def to_state(self) -> State:
        """Return JSON values and arrays."""
        values = {"hyper": asdict(self.hyper), "origin": str(self.origin)}
        return values, {"counts": self.counts, "level": self.level, "share": self.share}

    @classmethod
    def from_state(cls, values: dict[str, Any], arrays: dict[str, Any]) -> FittedAnalog:
        """Rebuild the result of `to_state`; its paths are bit-identical."""
        origin = np.datetime64(values["origin"], "D")
        return cls(Analog(**values["hyper"]), origin, **arrays)


def _pick(weights: Array, n_paths: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Draw one candidate per path by `weights`, (n_paths or 1, n), with stratified sampling."""
    steps = np.cumsum(weights, axis=1)
    below = (steps / steps[:, -1:] < stratified_uniforms(n_paths, rng)[:, None]).sum(axis=1)
    return np.asarray(np.minimum(below, weights.shape[1] - 1))
