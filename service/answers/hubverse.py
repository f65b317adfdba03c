"""The forecast in the format of a hubverse hub, for comparison with other forecasts.

References
----------
Columns and rules of the hubverse model output format, schema version 6 (docs.hubverse.io).
"""

__all__ = ["COLUMNS", "QUANTILE_LEVELS", "SAMPLES", "hubverse"]

from typing import Any

import numpy as np

from service.answers.ahead import Ahead, IssueView

COLUMNS = (
    *("origin_date", "target", "horizon", "target_end_date", "location"),
    *("output_type", "output_type_id", "value"),
)
QUANTILE_LEVELS = (0.01, 0.025, *(n / 100 for n in range(5, 100, 5)), 0.975, 0.99)
SAMPLES = 100


def hubverse(view: IssueView, horizon: int) -> list[dict[str, Any]]:
    """Return rows of 23 quantiles a day and of 100 sample paths, at the location of the route.

    A sample has the same ``output_type_id`` on all its days: it is one joint path.
    """
    near = Ahead.of(view.paths).upto(horizon)
    quantiles = near.quantiles(QUANTILE_LEVELS).tolist()  # (23, horizon)
    # Evenly spaced over all paths: those of a mixture may be ordered by member.
    chosen = np.arange(SAMPLES) * near.n_paths // SAMPLES
    samples = near.values[chosen].tolist()  # (100, horizon)
    rows = []
    for at, day in enumerate(near.dates.tolist()):
        task = {
            "origin_date": view.issue.origin.isoformat(),
            "target": f"daily {view.issue.series_id} arriving",
            "horizon": at + 1,
            "target_end_date": str(day),
            "location": view.route.location,
        }
        by_level = zip(QUANTILE_LEVELS, quantiles, strict=True)
        outputs = [("quantile", level, values[at]) for level, values in by_level]
        outputs += [("sample", number, path[at]) for number, path in enumerate(samples, start=1)]
        rows += [task | dict(zip(COLUMNS[5:], output, strict=True)) for output in outputs]
    return rows
