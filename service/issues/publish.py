"""Publish: one frozen issue a series, with what is said of it, all in one transaction."""

from __future__ import annotations

__all__ = ["publish"]

import logging
from typing import Any

from service.core import run_store
from service.core.context import Context
from service.core.database import DatabaseError
from service.core.job_runner import JobError
from service.issues import issue_store, note_store
from service.issues.explain_issue import changes, explanation, read_before
from service.issues.issue_draft import Draft, insert_issues

_log = logging.getLogger(__name__)


def publish(context: Context, draft: Draft, before: str | None) -> list[str]:
    """Store the issues of `draft`; none if another run has just stored the same.

    Parameters
    ----------
    before : str | None
        The issue that was the newest when the work began.

    Returns
    -------
    list of str
        The ids, one for each series.
    """
    notes = _notes(context, draft)
    with context.database.writing() as connection:
        if not run_store.is_current(connection, draft.run):
            raise JobError("this refit was stopped, or claimed by another process, meanwhile")
        newest = issue_store.get_latest_issue(connection, draft.inputs.leading)
        if newest and newest.inputs_hash == draft.inputs_hash:
            # Equal inputs, equal paths: by another run meanwhile, or in this very second.
            if newest.issue_id != before or newest.issued_at == draft.now:
                return []
        ids = insert_issues(connection, draft)
        for kind, content in notes.items():
            for series_id, note in content.items():
                note_store.save_note(connection, ids[series_id], kind, note)
    return list(ids.values())


def _notes(context: Context, draft: Draft) -> dict[str, dict[str, Any]]:
    """What drives the issue, and what changed; a forecast is published even if neither is known."""
    notes: dict[str, dict[str, Any]] = {}
    if draft.inputs.weather.status != "off":
        notes[note_store.WEATHER] = dict.fromkeys(draft.inputs.figures, draft.weather_note)
    try:
        notes[note_store.EXPLANATION] = explanation(draft)
        with context.database.reading() as connection:
            before = read_before(connection, draft)
        if before:
            notes[note_store.CHANGES] = changes(before, draft, context.settings)
    except DatabaseError:
        raise
    except Exception:  # a defect here must not cost anybody the forecast
        _log.exception("the issue is published without its reasons")
    return notes
