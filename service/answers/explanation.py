"""Drivers of a forecast, in people relative to an average day of the last year."""

__all__ = ["explanation"]

from typing import Any

from service.answers.errors import NotFound
from service.answers.issue_loader import IssueLoader, IssueView
from service.issues import note_store

_SPANS = (1, 7, 28)


def explanation(loader: IssueLoader, view: IssueView) -> dict[str, Any]:
    """Split the mean forecast of the served model into its factors.

    In each row and total, ``yearly_mean`` (the average day of the last year) and the factors add up
    to ``mean``.

    Raises `NotFound` if the issue has no stored explanation, or none for these days.
    """
    with loader.context.database.reading() as connection:
        note = note_store.get_note(connection, view.issue.issue_id, note_store.EXPLANATION)
    if note is None:
        raise NotFound(f"issue {view.issue.issue_id} has no explanation")
    ahead, length = view.ahead, len(note["mean"])
    begin = ahead.skipped
    if begin >= length:
        last = view.paths.dates[length - 1]
        raise NotFound(f"issue {view.issue.issue_id} explains days to {last}, not {ahead.first}")
    factors: dict[str, list[float]] = {
        name.replace(" ", "_"): shares
        # List the weather first.
        for name, shares in sorted(note["factors"].items(), key=lambda item: item[0] != "weather")
    }
    columns = {"yearly_mean": [note["yearly_mean"]] * length, **factors, "mean": note["mean"]}
    totals = [
        {"days": days}
        | {name: round(sum(each[begin : begin + days]), 3) for name, each in columns.items()}
        for days in _SPANS
        if days <= length - begin
    ]
    return {
        "method": note["method"],
        "model": view.issue.champion,
        "yearly_mean": note["yearly_mean"],
        "factors": list(factors),
        "rows": ahead.rows(min(length - begin, ahead.most), columns),
        "totals": totals,
    }
