"""Number of people present if each stays several days, and the number of places needed."""

__all__ = ["capacity"]

from collections.abc import Sequence
from typing import Any

import numpy as np

from forecast.paths import Paths, bound_names, quantiles
from forecast.series import DailySeries
from service.answers.ahead import Ahead, scale_counts
from service.answers.errors import BadQuestion


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

    With probability `share`, ``places`` are enough on their day, and ``places_peak`` on every day
    of the horizon at once.
    """
    if stay_days > len(observed) + 1:
        raise BadQuestion("stay_days", f"at most {len(observed) + 1}, by the figures", stay_days)
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
