"""Number of days with no arrivals, and the longest quiet spell."""

__all__ = ["quiet"]

from typing import Any

import numpy as np

from service.answers.ahead import Ahead
from service.answers.totals import summarise


def quiet(ahead: Ahead, horizon: int) -> dict[str, Any]:
    """Distributions of the longest run of days without arrivals, and of the number of such days.

    Days before the horizon do not lengthen a run. There is a row for each of 0 to `horizon` days.
    """
    near = ahead.upto(horizon)
    run, count = near.longest_quiet_run(), near.quiet_days()
    columns = {
        name: np.bincount(sample, minlength=horizon + 1) / len(sample)
        for name, sample in (("p_longest_run", run), ("p_quiet_days", count))
    }
    rows = []
    for days in range(horizon + 1):
        row: dict[str, Any] = {"days": days}
        for name, shares in columns.items():
            row[name] = round(float(shares[days]), 4)
            row[f"{name}_at_least"] = round(float(shares[days:].sum()), 4)
        rows.append(row)
    return {
        "horizon": horizon,
        "longest_run": summarise(run, [80]),
        "quiet_days": summarise(count, [80]),
        "rows": rows,
    }
