"""Publish: one immutable issue per series, with its explanation, in one transaction."""

__all__ = ["publish"]

import logging
from typing import Any

from service.core import run_store
from service.core.context import Context
from service.core.database import DatabaseError
from service.core.job_runner import JobError
from service.issues import issue_store, note_store
from service.issues.explain_issue import changes, explanation, read_earlier_issues
from service.issues.issue_draft import Draft, insert_issues

_log = logging.getLogger(__name__)


def publish(context: Context, draft: Draft, before: str | None) -> list[str]:
    """Store the issues of `draft`; do nothing if another run has just stored the same.

    `before` is the newest issue when the work started. Returns the ids, one per series.
    """
    notes = _notes(context, draft)
    with context.database.writing() as connection:
        if not run_store.is_current(connection, draft.run):
            raise JobError("this refit was stopped, or claimed by another process, meanwhile")
        newest = issue_store.get_latest_issue(connection, draft.inputs.leading)
        if newest and newest.inputs_hash == draft.inputs_hash and newest.issue_id != before:
            return []  # equal inputs give equal paths: another run has just stored them
        ids = insert_issues(connection, draft)
        for kind, content in notes.items():
            for series_id, note in content.items():
                note_store.save_note(connection, ids[series_id], kind, note)
    return list(ids.values())


def _notes(context: Context, draft: Draft) -> dict[str, dict[str, Any]]:
    """Return the explanation and changes; a forecast is published even without them."""
    notes: dict[str, dict[str, Any]] = {}
    if draft.inputs.weather.status != "off":
        notes[note_store.WEATHER] = dict.fromkeys(draft.inputs.figures, draft.weather_note)
    try:
        notes[note_store.EXPLANATION] = explanation(draft)
        with context.database.reading() as connection:
            before = read_earlier_issues(connection, draft)
        if before:
            notes[note_store.CHANGES] = changes(before, draft, context.settings)
    except DatabaseError:
        raise
    except Exception:  # a defect here must not prevent the forecast
        _log.exception("the issue is published without its explanation")
    return notes
