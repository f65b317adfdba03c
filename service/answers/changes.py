"""Causes of the change between two issues, in people."""

__all__ = ["CAUSE_NAMES", "changes", "sampling_error"]

import datetime as dt
import math
from typing import Any

from service.answers.errors import BadQuestion, NotFound
from service.answers.issue_loader import IssueLoader, IssueView
from service.core.clock import day_columns
from service.core.database import Connection
from service.issues import note_store

CAUSE_NAMES = {
    "model": "the model",
    "revision": "revised figures",
    "weather": "the weather forecast",
    "new_figures": "new figures",
}
_SPANS = (7, 28)
_MOST_STEPS = 400


def changes(loader: IssueLoader, view: IssueView, since: str | None = None) -> dict[str, Any]:
    """Split the change of the mean forecast since an earlier issue into its causes.

    Each issue stores the causes of its change from the one before; this adds them up from `since`,
    or the one before. In each row and total, ``before`` and the causes add up to ``after``.

    Raises `NotFound` if there is no earlier issue, or the two are not linked by live issues.
    """
    with loader.context.database.reading() as connection:
        chain = _chain(connection, view, since)
    first = view.ahead.first
    length = min(
        len(note["before"]) - (first - dt.date.fromisoformat(note["from"])).days for note in chain
    )
    if length < 1:
        oldest = chain[-1]["since"]
        raise BadQuestion("since", "an issue that forecast some of the same days", oldest)
    # Issues without weather do not name it as a cause.
    named = {cause for note in chain for cause in note["causes"]}
    causes = [cause for cause in note_store.CAUSES if cause in named]
    rows = []
    for ahead in range(length):
        day = first + dt.timedelta(days=ahead)
        at = [(note, (day - dt.date.fromisoformat(note["from"])).days) for note in chain]
        oldest, where = at[-1]
        rows.append(
            {**day_columns(day), "before": oldest["before"][where]}
            | {c: round(sum(_share(note, c, i) for note, i in at), 3) for c in causes}
            | {"after": chain[0]["after"][at[0][1]]}
        )
    names = ("before", *causes, "after")
    totals = [
        {"days": days} | {name: round(sum(row[name] for row in rows[:days]), 3) for name in names}
        for days in _SPANS
        if days <= length
    ]
    return {
        "model": view.issue.champion,
        "since": chain[-1]["since"],
        "since_issued_at": chain[-1]["since_issued_at"],
        "steps": len(chain),
        "causes": causes,
        "rows": rows,
        "totals": totals,
    }


def sampling_error(view: IssueView, days: int) -> int:
    """Return twice the standard error of the difference of two simulated mean totals.

    New figures have it, as their paths have other random numbers than those of the issue before.
    """
    totals = view.ahead.upto(days).values.sum(axis=1)
    return round(2 * math.sqrt(2 * totals.var() / len(totals)))


def _share(note: dict[str, Any], cause: str, at: int) -> float:
    return float(note["causes"][cause][at]) if cause in note["causes"] else 0.0


def _chain(connection: Connection, view: IssueView, since: str | None) -> list[dict[str, Any]]:
    """Return notes from the newest issue back to the one after `since`."""
    chain: list[dict[str, Any]] = []
    issue_id = view.issue.issue_id
    while len(chain) < _MOST_STEPS:
        note = note_store.get_note(connection, issue_id, note_store.CHANGES)
        if note is None:
            break
        chain.append(note)
        issue_id = note["since"]
        if since in (None, issue_id):
            return chain
    if since is None:
        raise NotFound(f"there is no issue before {view.issue.issue_id}")
    raise NotFound(f"expected an issue before {view.issue.issue_id}, found {since!r}")
