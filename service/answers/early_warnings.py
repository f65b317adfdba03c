"""Early warnings: their chances, and how often they came true."""

__all__ = ["DAYS", "WEEK", "warning_chances", "warning_record"]

from typing import Any

from service.answers.ahead import Ahead
from service.answers.exceedance import exceedance
from service.answers.issue_loader import IssueLoader
from service.data import observation_store
from service.issues import early_warning_store

DAYS, WEEK = 3, 7  # days ahead for the daily threshold, and days of the weekly total


def warning_chances(
    ahead: Ahead, threshold: int, week_threshold: int | None
) -> list[dict[str, Any]]:
    """Return the chance of a day above `threshold`, and of a week above `week_threshold`."""
    answers = [exceedance(ahead, threshold, 1, DAYS)]
    if week_threshold is not None:
        answers.append(exceedance(ahead, week_threshold, WEEK, WEEK))
    return [
        {name: answer[name] for name in ("threshold", "window")}
        | {"from": answer["rows"][0]["date"], "to": answer["rows"][-1]["to"]}
        | {"p": answer["p_any"], "days": answer["rows"]}
        for answer in answers
    ]


def warning_record(loader: IssueLoader) -> dict[str, Any]:
    """Compare the early warnings of the route so far with the figures.

    ``followed`` came true of those that are ``over``; ``expected`` is the sum of their chances.
    """
    with loader.context.database.reading() as connection:
        warnings = early_warning_store.list_warnings(connection, loader.route.name)
        figures = warnings and observation_store.get_series(connection, loader.route.leading)
    over, followed, expected = 0, 0, 0.0
    for warning in warnings:
        first, last = warning.first_date, warning.last_date
        if figures and first in figures and last in figures:
            values = figures.between(first, last).values
            exceeded = values.max() if warning.window_days == 1 else values.sum()
            over, expected = over + 1, expected + warning.p
            followed += bool(exceeded > warning.threshold)
    sentence = (
        f"Of the early warnings sent so far whose days are over, {followed} of {over} were "
        "followed by such a day or week. From the chances that they gave, we would expect about "
        f"{expected:.1f}."
    )
    return {
        "warnings": len(warnings),
        "over": over,
        "followed": followed,
        "expected": round(expected, 1),
        "sentence": sentence if over else "",
    }
