"""Notes stored with an issue when it is published, including its inputs; never changed.

Figures read later may be dated before the issue, so what counts as known at its moment can change;
the stored inputs cannot.
"""

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
    """Store the figures of an issue and the hash of its champion's declaration with it."""
    content = {
        "start": str(figures.start),
        "values": figures.values.tolist(),
        "declaration": declaration,
    }
    save_note(connection, issue.issue_id, GROUNDS, content)


def get_figures(connection: sa.Connection, issue: Issue) -> DailySeries:
    """Return the figures that `issue` used, up to its last day with figures."""
    inputs = _inputs(connection, issue)
    values = np.asarray(inputs["values"], dtype=np.int64)
    return DailySeries(issue.series_id, inputs["start"], values)


def get_declaration_hash(connection: sa.Connection, issue: Issue) -> str:
    """Return the hash of the declaration of the champion."""
    return str(_inputs(connection, issue)["declaration"])


def _inputs(connection: sa.Connection, issue: Issue) -> dict[str, Any]:
    inputs = get_note(connection, issue.issue_id, GROUNDS)
    assert inputs is not None  # stored with the issue, in one transaction
    return inputs
