"""Revisions of published figures."""

from __future__ import annotations

__all__ = ["COLUMNS", "revisions"]

from typing import Any

from service.answers.issue_loader import IssueLoader
from service.core.clock import day_columns, instant
from service.data import observation_store

COLUMNS = (
    *("time", "date", "value_before", "value", "source_before", "source"),
    *("known_at", "marked_revised", "ruled"),
)


def revisions(loader: IssueLoader, series_id: str) -> dict[str, Any]:
    """Return every revision of a series in order of publication, and their number.

    ``ruled`` is false if a source of higher rank kept its value; such a row is listed but not
    counted.
    """
    loader.check_series(series_id, is_stored=True)
    with loader.context.database.reading() as connection:
        revised = observation_store.revisions(connection, series_id)
    rows = [
        {
            **day_columns(one.date),
            "value_before": one.value_before,
            "value": one.value,
            "source_before": one.source_before,
            "source": one.source,
            "known_at": instant(one.known_at),
            "marked_revised": one.is_marked,
            "ruled": one.ruled,
        }
        for one in revised
    ]
    return {"count": sum(one.ruled for one in revised), "rows": rows}
