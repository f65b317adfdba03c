"""The inputs of an issue, stored with it: the figures and the champion's declaration.

What is read later may be dated before the issue, so that what counts as known at its moment can
change; what the issue was made of cannot.
"""

from __future__ import annotations

__all__ = ["get_declaration_hash", "get_figures", "save_inputs"]

import numpy as np
import sqlalchemy as sa

from forecast.series import DailySeries
from service.data import observation_store
from service.issues import note_store
from service.issues.issue_store import Issue


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
    note_store.save_note(connection, issue.issue_id, note_store.GROUNDS, content)


def get_figures(connection: sa.Connection, issue: Issue) -> DailySeries:
    """Return the figures that `issue` used, up to its last day with figures.

    Raises
    ------
    LookupError
        If they were not stored, and there are no figures as of that moment.
    """
    note = note_store.get_note(connection, issue.issue_id, note_store.GROUNDS)
    if note is not None:
        values = np.asarray(note["values"], dtype=np.int64)
        return DailySeries(issue.series_id, note["start"], values)
    series = observation_store.series(connection, issue.series_id, issue.as_of)
    if series is None:
        raise LookupError(f"no figures of {issue.series_id} are known as of {issue.as_of}")
    return series.upto(issue.data_through)


def get_declaration_hash(connection: sa.Connection, issue: Issue) -> str | None:
    """Return the hash of the declaration of the champion; None if it was not stored."""
    note = note_store.get_note(connection, issue.issue_id, note_store.GROUNDS)
    return str(note["declaration"]) if note else None
