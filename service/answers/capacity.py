"""Number of people present if each stays several days, and the number of places needed."""

__all__ = ["capacity"]

from collections.abc import Sequence
from typing import Any

import numpy as np

from forecast.paths import Paths, bound_names, quantiles
from forecast.series import DailySeries
from service.answers.ahead import Ahead, scale_counts
from service.answers.bands import check_levels
from service.answers.errors import MOST_STAY_DAYS, SHARES, check_number, check_whole


def capacity(
    observed: DailySeries,
    ahead: Ahead,
    stay_days: int,
    share: float,
    horizon: int,
    levels: Sequence[int],
    our_share: float = 100,
) -> dict[str, Any]:
    """Return the people present on each day, as `our_share` per cent of all, rounded up.

    Whoever arrived less than `stay_days` ago is still present, by the figures or, on days since,
    as simulated. With probability `share`, ``places`` are enough on their day, and ``places_peak``
    on every day of the horizon at once.
    """
    check_whole("stay_days", stay_days, 1, min(MOST_STAY_DAYS, len(observed) + 1))
    check_number("share", share, *SHARES)
    check_levels(levels)
    near = ahead.paths.upto(ahead.end(horizon))
    everyone = near.present(stay_days, observed.values)
    present = Paths(near.start, scale_counts(everyone, our_share).astype(np.int32))
    summary = present.summary(levels)
    columns = {
        "median": summary["median"].tolist(),
        "mean": present.mean().round(2).tolist(),
        "places": present.quantiles([share])[0].tolist(),
        **{name: summary[name].tolist() for name in bound_names(levels)},
    }
    peak = present.values[:, ahead.skipped :].max(axis=1)
    return {
        "stay_days": stay_days,
        "share": share,
        "horizon": horizon,
        "places_peak": int(quantiles(peak, [share])[0]),
        "levels": list(levels),
        "rows": ahead.rows(horizon, columns),
    }
