"""What an issue was made of, kept with it: the figures, and the champion's declaration.

What is read later may be dated before the issue, so that what counts as known at its moment can
change; what the issue was made of cannot.
"""

from __future__ import annotations

__all__ = ["declaration", "keep", "of"]

import numpy as np
import sqlalchemy as sa

from forecast.series import DailySeries
from service.data import observation_store
from service.issues import note_store
from service.issues.issue_store import Issue


def keep(connection: sa.Connection, issue: Issue, figures: DailySeries, declaration: str) -> None:
    """Store what `issue` was made of; a part of the transaction that publishes it.

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
    note_store.put(connection, issue.issue_id, note_store.GROUNDS, content)


def of(connection: sa.Connection, issue: Issue) -> DailySeries:
    """The figures that `issue` was made of, up to its last known day.

    Raises
    ------
    LookupError
        If they were not kept, and nothing is known of that moment.
    """
    note = note_store.read(connection, issue.issue_id, note_store.GROUNDS)
    if note is not None:
        values = np.asarray(note["values"], dtype=np.int64)
        return DailySeries(issue.series_id, note["start"], values)
    series = observation_store.series(connection, issue.series_id, issue.as_of)
    if series is None:
        raise LookupError(f"no figures of {issue.series_id} are known as of {issue.as_of}")
    return series.upto(issue.data_through)


def declaration(connection: sa.Connection, issue: Issue) -> str | None:
    """Hash of the declaration of the issue's champion; None if it was not kept."""
    note = note_store.read(connection, issue.issue_id, note_store.GROUNDS)
    return str(note["declaration"]) if note else None
