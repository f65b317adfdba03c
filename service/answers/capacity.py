"""Number of people present if each stays several days, and the number of places needed."""

from __future__ import annotations

__all__ = ["capacity"]

from collections.abc import Sequence
from typing import Any

import numpy as np

from forecast.paths import Paths, bound_names, quantiles
from forecast.series import DailySeries
from service.answers.ahead import Ahead
from service.answers.bands import check_levels
from service.answers.checks import MOST_STAY_DAYS, SHARES, check_number, check_whole
from service.core.clock import day_columns


def capacity(
    observed: DailySeries,
    ahead: Ahead,
    stay_days: int,
    share: float,
    horizon: int,
    levels: Sequence[int],
) -> dict[str, Any]:
    """Return the people present on each day; the day of arrival is the first day of the stay.

    Parameters
    ----------
    known : DailySeries
        The figures before the paths: who arrived less than `stay_days` ago is still there. So
        is, as simulated, who arrived on the days since.
    share : float
        Probability with which the places are enough.

    Returns
    -------
    dict
        ``stay_days share horizon``; ``places_peak``, which are enough on every day of the horizon
        at once with probability `share`; and ``rows`` of ``time date horizon_days median mean
        places lo50 hi50 … note``, where ``places`` are enough on that day with probability `share`.

    Raises
    ------
    BadQuestion
        If a number lies outside what can be asked, or who is still there is not known, as the
        figures begin later than a stay before the paths.
    """
    check_whole("stay_days", stay_days, 1, min(MOST_STAY_DAYS, len(observed) + 1))
    check_number("share", share, *SHARES)
    check_levels(levels)
    begin, end = ahead.skipped, ahead.end(horizon)
    near = ahead.paths.upto(end)
    present = Paths(
        near.dates[begin], near.present(stay_days, observed.values)[:, begin:].astype(np.int32)
    )
    summary = present.summary(levels)
    columns = {
        "median": summary["median"],
        "mean": present.mean().round(2),
        "places": present.quantiles([share])[0],
        **{name: summary[name] for name in bound_names(levels)},
    }
    rows = [
        {
            **day_columns(day),
            "horizon_days": begin + at + 1,
        }
        | {name: values[at].item() for name, values in columns.items()}
        | {"note": ahead.note(day)}
        for at, day in enumerate(present.dates.tolist())
    ]
    return {
        "stay_days": stay_days,
        "share": share,
        "horizon": horizon,
        "places_peak": int(quantiles(present.values.max(axis=1), [share])[0]),
        "levels": list(levels),
        "rows": rows,
    }
