"""Helpers for tests of issues: runs, other settings, and the latest issue."""

import sqlalchemy as sa

from service.core.context import Context
from service.core.tables import issue_paths
from service.core.tables import issues as table
from service.issues import issue_store
from tests.service.support import NOW, record_run


def claim_refit(database, period="first", moment=NOW):
    """Claim a refit; return the id of its run."""
    return record_run(database, period, moment)


def with_settings(context, **settings):
    """Return the context with other settings."""
    return Context(context.settings.model_copy(update=settings), context.database)


def latest_issue(context, series_id="people"):
    with context.database.reading() as connection:
        issue = issue_store.get_latest_issue(connection, series_id)
    assert issue is not None
    return issue


def stored_paths(context):
    """Return the stored paths of the newest run by series and model."""
    with context.database.reading() as connection:
        newest = latest_issue(context).run_id
        rows = connection.execute(
            sa.select(table.c.series_id, issue_paths.c.model, issue_paths.c.content)
            .join(issue_paths, issue_paths.c.issue_id == table.c.issue_id)
            .where(table.c.run_id == newest)
        ).all()
    return {(row.series_id, row.model): row.content for row in rows}
