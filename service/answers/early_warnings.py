"""Early warnings: their chances, and how often they came true."""

__all__ = ["DAYS", "WEEK", "warning_chances", "warning_record"]

from typing import Any

import numpy as np
import numpy.typing as npt

from service.answers.ahead import Ahead
from service.answers.exceedance import exceedance
from service.answers.issue_loader import IssueLoader
from service.data import observation_store
from service.issues import early_warning_store
from service.issues.early_warning_store import EarlyWarning

DAYS, WEEK = 3, 7
"""Days ahead for the daily threshold, and days of the weekly total."""


def warning_chances(
    ahead: Ahead, threshold: int, week_threshold: int | None
) -> list[dict[str, Any]]:
    """Return the chance of a day above `threshold`, and of a week above `week_threshold` if given.

    Returns rows of ``threshold window from to p`` and ``days``, the ``date p_above`` of each day.
    """
    questions = [(threshold, 1, DAYS)]
    if week_threshold is not None:
        questions.append((week_threshold, WEEK, WEEK))
    rows = []
    for number, window, horizon in questions:
        answer = exceedance(ahead, number, window, horizon)
        rows.append(
            {
                "threshold": number,
                "window": window,
                "from": answer["rows"][0]["date"],
                "to": answer["rows"][-1]["to"],
                "p": answer["p_any"],
                "days": [
                    {name: row[name] for name in ("date", "p_above")} for row in answer["rows"]
                ],
            }
        )
    return rows


def warning_record(loader: IssueLoader) -> dict[str, Any]:
    """Compare the early warnings of the route so far with the figures.

    Returns ``warnings``, their number; ``over``, those whose days all have figures; ``followed``,
    those that came true; ``expected``, the sum of their chances; and a ``sentence``, empty if none
    can be compared.
    """
    with loader.context.database.reading() as connection:
        warnings = early_warning_store.list_warnings(connection, loader.route.name)
        figures = (
            observation_store.get_series(connection, loader.route.leading) if warnings else None
        )
    outcomes = [
        (
            warning.p,
            _is_confirmed(warning, figures.between(warning.first_date, warning.last_date).values),
        )
        for warning in warnings
        if figures is not None and warning.first_date in figures and warning.last_date in figures
    ]
    over, followed = len(outcomes), sum(came_true for _, came_true in outcomes)
    expected = round(sum(p for p, _ in outcomes), 1)
    sentence = (
        f"Of the early warnings sent so far whose days are over, {followed} of {over} were "
        "followed by such a day or week. From the chances that they gave, we would expect about "
        f"{expected:.1f}."
    )
    return {
        "warnings": len(warnings),
        "over": over,
        "followed": followed,
        "expected": expected,
        "sentence": sentence if over else "",
    }


def _is_confirmed(warning: EarlyWarning, values: npt.NDArray[np.int64]) -> bool:
    exceeded = values.max() if warning.window_days == 1 else values.sum()
    return bool(exceeded > warning.threshold)
