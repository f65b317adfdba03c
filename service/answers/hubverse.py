"""The forecast in the format of a hubverse hub, for comparison with other forecasts.

References
----------
Columns and rules of the hubverse model output format, schema version 6 (docs.hubverse.io).
"""

__all__ = ["hubverse"]

from typing import Any

import numpy as np

from service.answers.ahead import Ahead, IssueView

_LEVELS = (0.01, 0.025, *(n / 100 for n in range(5, 100, 5)), 0.975, 0.99)
_SAMPLES = 100


def hubverse(view: IssueView, horizon: int) -> list[dict[str, Any]]:
    """Return rows of 23 quantiles a day and of 100 sample paths, at the location of the route.

    A sample has the same ``output_type_id`` on all its days: it is one joint path.
    """
    near = Ahead.of(view.paths).upto(horizon)
    quantiles = near.quantiles(_LEVELS).tolist()  # (23, horizon)
    # Evenly spaced over all paths: those of a mixture may be ordered by member.
    samples = near.values[np.arange(_SAMPLES) * near.n_paths // _SAMPLES].tolist()
    # In the order of the rows of a day, each with its values by day.
    outputs = [
        *(("quantile", level, values) for level, values in zip(_LEVELS, quantiles, strict=True)),
        *(("sample", number, path) for number, path in enumerate(samples, start=1)),
    ]
    rows = []
    for at, day in enumerate(near.dates.tolist()):
        task = {
            "origin_date": view.issue.origin.isoformat(),
            "target": f"daily {view.issue.series_id} arriving",
            "horizon": at + 1,
            "target_end_date": str(day),
            "location": view.route.location,
        }
        rows += [
            task | {"output_type": kind, "output_type_id": name, "value": values[at]}
            for kind, name, values in outputs
        ]
    return rows
