"""What is said of an issue when it is made; as frozen as the issue itself."""

from __future__ import annotations

__all__ = ["CAUSES", "CHANGES", "EXPLANATION", "GROUNDS", "WEATHER", "put", "read"]

from typing import Any

import sqlalchemy as sa

from service.core.tables import issue_notes

EXPLANATION, CHANGES, WEATHER, GROUNDS = "explanation", "changes", "weather", "grounds"
CAUSES = ("model", "revision", "weather", "new_figures")
"""Of changes, in the order in which they are let in, one after the other."""


def put(connection: sa.Connection, issue_id: str, kind: str, content: dict[str, Any]) -> None:
    """Store a note beside its issue; a part of the transaction that publishes it."""
    connection.execute(issue_notes.insert().values(issue_id=issue_id, kind=kind, content=content))


def read(connection: sa.Connection, issue_id: str, kind: str) -> dict[str, Any] | None:
    """The note of that kind; None when there is none."""
    row = connection.execute(
        sa.select(issue_notes.c.content).where(
            issue_notes.c.issue_id == issue_id, issue_notes.c.kind == kind
        )
    ).first()
    return row.content if row else None
