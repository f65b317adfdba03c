"""Notes stored with an issue when it is published; immutable like the issue."""

from __future__ import annotations

__all__ = ["CAUSES", "CHANGES", "EXPLANATION", "GROUNDS", "WEATHER", "get_note", "save_note"]

from typing import Any

import sqlalchemy as sa

from service.core.tables import issue_notes

EXPLANATION, CHANGES, WEATHER, GROUNDS = "explanation", "changes", "weather", "grounds"
CAUSES = ("model", "revision", "weather", "new_figures")
"""Causes of change, in the order in which they are applied."""


def save_note(connection: sa.Connection, issue_id: str, kind: str, content: dict[str, Any]) -> None:
    """Store a note of an issue, in the transaction that publishes the issue."""
    connection.execute(issue_notes.insert().values(issue_id=issue_id, kind=kind, content=content))


def get_note(connection: sa.Connection, issue_id: str, kind: str) -> dict[str, Any] | None:
    """Return the note of a kind, or None."""
    row = connection.execute(
        sa.select(issue_notes.c.content).where(
            issue_notes.c.issue_id == issue_id, issue_notes.c.kind == kind
        )
    ).first()
    return row.content if row else None
