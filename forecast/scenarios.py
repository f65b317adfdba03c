"""What-if paths with more or fewer arrivals, or more or fewer people per boat."""

from __future__ import annotations

__all__ = ["people_per_boat", "scaled"]

import numpy as np

from forecast.paths import Paths


def scaled(paths: Paths, factor: float, rng: np.random.Generator) -> Paths:
    """Multiply each count by `factor` (0 or more), rounded up or down at random to whole people.

    The mean of each day is multiplied by `factor`; days without arrivals stay so, and with a
    `factor` above 0 days with arrivals keep at least one.
    """
    exact = paths.values * factor  # (n_paths, horizon)
    whole = np.floor(exact + rng.random(exact.shape))
    least = (paths.values > 0) & (factor > 0)
    counts = np.minimum(np.maximum(whole, least), np.iinfo(np.int32).max)
    return Paths(paths.start, counts.astype(np.int32))


def people_per_boat(people: Paths, boats: Paths) -> float:
    """Mean number of people per boat over all paths and days; 0.0 without boats."""
    in_all = int(boats.values.sum(dtype=np.int64))
    return float(people.values.sum(dtype=np.int64) / in_all) if in_all else 0.0
