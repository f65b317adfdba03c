"""What if: paths with more or fewer arrivals, or more or fewer people in each boat."""

from __future__ import annotations

__all__ = ["people_per_boat", "scaled"]

import numpy as np

from forecast.paths import Paths


def scaled(paths: Paths, factor: float, rng: np.random.Generator) -> Paths:
    """Every count times `factor` (0 or more), rounded up or down at random to whole people.

    The mean of each day is `factor` times what it was; a day without arrivals stays one, and with
    a `factor` above 0 a day with arrivals keeps at least one.
    """
    exact = paths.values * factor  # (n_paths, horizon)
    whole = np.floor(exact + rng.random(exact.shape))
    least = (paths.values > 0) & (factor > 0)
    counts = np.minimum(np.maximum(whole, least), np.iinfo(np.int32).max)
    return Paths(paths.start, counts.astype(np.int32))


def people_per_boat(people: Paths, boats: Paths) -> float:
    """Mean number of people in a boat over all paths and days; 0.0 when there is no boat."""
    in_all = int(boats.values.sum(dtype=np.int64))
    return float(people.values.sum(dtype=np.int64) / in_all) if in_all else 0.0
