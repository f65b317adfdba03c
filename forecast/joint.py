"""People and boats drawn together, so that one path has both."""

from __future__ import annotations

__all__ = ["draw", "generator", "leading"]

import zlib
from collections.abc import Mapping

import numpy as np

from forecast.forecasters.base import Fitted
from forecast.occupancy import Occupancy
from forecast.paths import Paths
from forecast.series import DailySeries, Day

PEOPLE, BOATS = "people", "boats"


def generator(seed: int, model: str, origin: Day) -> np.random.Generator:
    """Random generator of one model at one origin: the same whichever others run beside it."""
    day = int(origin.astype(np.int64)) % 2**32  # seeds are not negative, days before 1970 are
    return np.random.default_rng([seed, zlib.crc32(model.encode()), day])


def draw(
    fitted: Fitted,
    figures: Mapping[str, DailySeries],
    horizon: int,
    n_paths: int,
    rng: np.random.Generator,
) -> dict[str, Paths]:
    """Draw the paths of every series in `figures` from one model of its leading series.

    The leading series is ``people`` where it is there, and else the only one. Boats follow from
    the people of the same path by occupancy.

    Parameters
    ----------
    fitted : Fitted
        Fitted to the leading series.
    figures : mapping of series_id to DailySeries
    horizon, n_paths : int

    Returns
    -------
    dict of series_id to Paths, each (n_paths, horizon)

    Raises
    ------
    FitError
        If the boats cannot be told from the people.
    """
    lead_rng, boats_rng = rng.spawn(2)
    lead = leading(figures)
    paths = {lead: fitted.simulate(horizon, n_paths, lead_rng)}
    if lead == PEOPLE and BOATS in figures:
        occupancy = Occupancy.fit(figures[PEOPLE], figures[BOATS])
        paths[BOATS] = occupancy.boats(paths[PEOPLE], boats_rng)
    return paths


def leading(figures: Mapping[str, DailySeries]) -> str:
    """Return ``people`` where it is among `figures`, and else the first of them."""
    return PEOPLE if PEOPLE in figures else next(iter(figures))
