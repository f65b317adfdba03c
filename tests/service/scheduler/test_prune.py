import datetime as dt

import pytest

from service.core.clock import utc_now
from service.data import document_store
from service.data.ingest import ingest
from service.issues import issue_store
from service.issues.refit import refit
from service.scheduler.prune import KEEP_RAW_DAYS, prune


@pytest.fixture
def prune_after(filled, monkeypatch):
    """Prune as so many days later; return what was deleted."""

    def prune_after(days):
        later = utc_now() + dt.timedelta(days=days)
        monkeypatch.setattr("service.scheduler.prune.utc_now", lambda: later)
        return prune(filled).detail

    return prune_after


def test_old_issues_are_deleted_except_the_newest_and_raw_documents(filled, prune_after):
    path = document_store.save_raw_document(filled.settings.var_dir, b"1", ".html")
    ingest(filled)
    refit(filled)
    refit(filled, force=True)
    for days, deleted in ((KEEP_RAW_DAYS - 1, 0), (KEEP_RAW_DAYS + 1, 0), (1800, 0), (1900, 2)):
        assert prune_after(days)["issues"] == deleted, "one of both series"
        assert path.exists() == (days < KEEP_RAW_DAYS)
    with filled.database.reading() as connection:
        (issue,) = issue_store.list_issues(connection, "people", 10)
        assert issue_store.load_paths(connection, issue, issue.champion) is not None
