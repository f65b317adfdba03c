"""A council's share of all arrivals."""

from __future__ import annotations

__all__ = ["LEAST_SHARE", "scale_to_share"]

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from forecast.paths import Paths
from service.answers.errors import BadQuestion
from service.answers.issue_loader import IssueView

LEAST_SHARE = 0.01
"""The smallest share that can be asked for, in per cent, and the step of all others."""
_STEPS = 100  # in one per cent


def scale_to_share(view: IssueView, our_share: float) -> IssueView:
    """Return `view` with each count multiplied by `our_share` per cent and rounded up.

    A share of a day is a whole number of people, and places that are rounded down are too few. A
    day without arrivals has none in any share.
    """
    if our_share == 100:
        return view
    steps = our_share * _STEPS
    if not (LEAST_SHARE <= our_share <= 100 and abs(steps - round(steps)) < 1e-6):
        expected = f"a percentage from {LEAST_SHARE} to 100 with at most two decimals"
        raise BadQuestion("our_share", expected, our_share)

    def scaled(counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
        # In whole numbers: 3% of 100 is 3, and not 4 for a last digit of a fraction.
        return -(-counts.astype(np.int64) * round(steps) // (100 * _STEPS))

    return replace(
        view,
        paths=Paths(view.paths.start, scaled(view.paths.values)),
        observed=replace(view.observed, values=scaled(view.observed.values)),
    )
