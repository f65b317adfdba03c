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


@pytest.mark.parametrize(("days", "expected"), [(1800, 2), (1900, 1)])
def test_old_issues_are_deleted_except_the_newest(filled, prune_after, days, expected):
    ingest(filled)
    refit(filled)
    refit(filled, force=True)
    deleted = prune_after(days)
    assert deleted["issues"] == 2 * (2 - expected)  # of both series
    with filled.database.reading() as connection:
        issues = issue_store.list_issues(connection, "people", 10)
        assert len(issues) == expected
        assert issue_store.load_paths(connection, issues[0], issues[0].champion) is not None


def test_old_raw_documents_are_deleted(filled, prune_after):
    path = document_store.save_raw_document(filled.settings.var_dir, b"1", ".html")
    prune_after(KEEP_RAW_DAYS - 1)
    assert path.exists()
    prune_after(KEEP_RAW_DAYS + 1)
    assert not path.exists()
