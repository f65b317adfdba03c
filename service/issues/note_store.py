"""Notes stored with an issue when it is published, including its inputs; never changed.

Figures read later may be dated before the issue, so what counts as known at its moment can change;
the stored inputs cannot.
"""

from __future__ import annotations

__all__ = [
    "CAUSES",
    "CHANGES",
    "EXPLANATION",
    "GROUNDS",
    "WEATHER",
    "get_declaration_hash",
    "get_figures",
    "get_note",
    "save_inputs",
    "save_note",
]

from typing import Any

import numpy as np
import sqlalchemy as sa

from forecast.series import DailySeries
from service.core.tables import issue_notes
from service.data import observation_store
from service.issues.issue_store import Issue

EXPLANATION, CHANGES, WEATHER, GROUNDS = "explanation", "changes", "weather", "grounds"
CAUSES = ("model", "revision", "weather", "new_figures")
"""Causes of change, in the order in which they are applied."""


def save_note(connection: sa.Connection, issue_id: str, kind: str, content: dict[str, Any]) -> None:
    """Store a note of an issue, in the transaction that publishes the issue."""
    connection.execute(issue_notes.insert().values(issue_id=issue_id, kind=kind, content=content))


def get_note(connection: sa.Connection, issue_id: str, kind: str) -> dict[str, Any] | None:
    """Return the note of a kind, or None."""
    c = issue_notes.c
    return connection.scalar(sa.select(c.content).where(c.issue_id == issue_id, c.kind == kind))


def save_inputs(
    connection: sa.Connection, issue: Issue, figures: DailySeries, declaration: str
) -> None:
    """Store the inputs of `issue`, in the transaction that publishes it.

    Parameters
    ----------
    declaration : str
        Hash of the champion's declaration.
    """
    content = {
        "start": str(figures.start),
        "values": figures.values.tolist(),
        "declaration": declaration,
    }
    save_note(connection, issue.issue_id, GROUNDS, content)


def get_figures(connection: sa.Connection, issue: Issue) -> DailySeries:
    """Return the figures that `issue` used, up to its last day with figures.

    Raises
    ------
    LookupError
        If they were not stored, and there are no figures as of that moment.
    """
    note = get_note(connection, issue.issue_id, GROUNDS)
    if note is not None:
        values = np.asarray(note["values"], dtype=np.int64)
        return DailySeries(issue.series_id, note["start"], values)
    series = observation_store.series(connection, issue.series_id, issue.as_of)
    if series is None:
        raise LookupError(f"no figures of {issue.series_id} are known as of {issue.as_of}")
    return series.upto(issue.data_through)


def get_declaration_hash(connection: sa.Connection, issue: Issue) -> str | None:
    """Return the hash of the declaration of the champion; None if it was not stored."""
    note = get_note(connection, issue.issue_id, GROUNDS)
    return str(note["declaration"]) if note else None
