"""Drivers of a forecast, in people relative to an average day of the last year."""

from __future__ import annotations

__all__ = ["explanation"]

from typing import Any

from service.answers.errors import NotFound
from service.answers.issue_loader import IssueLoader, IssueView
from service.core.clock import day_columns
from service.issues import note_store

SPANS = (1, 7, 28)


def explanation(loader: IssueLoader, view: IssueView) -> dict[str, Any]:
    """Split the mean forecast of the served model into its factors.

    Returns
    -------
    dict
        ``method``; ``yearly_mean``, of a day of the last year; ``factors``, their names;
        ``rows``, one a day: ``time date horizon_days yearly_mean … mean note``, where the yearly
        mean and the factors add up to the mean; and ``totals`` of the first 1, 7 and 28 days,
        alike.

    Raises
    ------
    NotFound
        If nothing was said of the issue, or of these days, when it was made.
    """
    with loader.context.database.reading() as connection:
        note = note_store.get_note(connection, view.issue.issue_id, note_store.EXPLANATION)
    if note is None:
        raise NotFound(f"issue {view.issue.issue_id} has no explanation")
    stored: dict[str, list[float]] = note["factors"]
    factors = dict(sorted(stored.items(), key=lambda item: item[0] != "weather"))  # first
    base, mean = note["yearly_mean"], note["mean"]
    ahead, length = view.ahead, len(mean)
    begin = ahead.skipped
    if begin >= length:
        last = view.paths.dates[length - 1]
        raise NotFound(f"issue {view.issue.issue_id} explains days to {last}, not {ahead.first}")
    rows = [
        {**day_columns(day), "horizon_days": at + 1, "yearly_mean": base}
        | {_key(name): share[at] for name, share in factors.items()}
        | {"mean": mean[at], "note": ahead.note(day)}
        for at, day in enumerate(view.paths.dates[begin:length].tolist(), start=begin)
    ]
    totals = [
        {"days": days, "yearly_mean": round(base * days, 3)}
        | {
            _key(name): round(sum(share[begin : begin + days]), 3)
            for name, share in factors.items()
        }
        | {"mean": round(sum(mean[begin : begin + days]), 3)}
        for days in SPANS
        if days <= length - begin
    ]
    return {
        "method": note["method"],
        "model": view.issue.champion,
        "yearly_mean": base,
        "factors": [_key(name) for name in factors],
        "rows": rows,
        "totals": totals,
    }


def _key(name: str) -> str:
    return name.replace(" ", "_")
