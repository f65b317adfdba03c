import datetime as dt

import numpy as np
import pytest

from service.core import run_store
from service.issues import issue_store, note_store
from service.issues.declared_models import declaration_hash, declared
from service.issues.model_fits import Inputs, fit_all
from service.issues.publication import insert_issues
from tests.service.support import NOW, ROUTE


@pytest.mark.parametrize(("kind", "prefix"), [("live", ""), ("hindcast", "hindcast-")])
def test_one_issue_per_series_is_stored_with_models_and_inputs(empty, figures, kind, prefix):
    specs = declared(empty.settings.models_dir)
    inputs = Inputs(specs, ["seasonal_naive"], "climatology", figures, 28, 50, 3, waiting=2)
    fits = fit_all(inputs, empty.settings, keeps=False)
    with empty.database.writing() as connection:
        run = run_store.claim_run(connection, "refit", "x", NOW, ROUTE.name)
        ids = insert_issues(connection, run, kind, fits, NOW)
    assert list(ids) == ["people", "boats"]
    for series_id, issue_id in ids.items():
        assert issue_id.startswith(f"{prefix}{series_id}-20251231-")
        with empty.database.reading() as connection:
            issue = issue_store.get_issue(connection, issue_id)
            (entry,) = issue_store.list_entries(connection, issue_id)
            paths = issue_store.load_paths(connection, issue, "seasonal_naive")
            stored = note_store.get_figures(connection, issue)
            declaration = note_store.get_declaration_hash(connection, issue)
        assert (issue.kind, issue.champion, issue.wanted) == (kind, "seasonal_naive", "climatology")
        assert (issue.n_paths, issue.horizon_days, issue.seed) == (50, 30, 3)
        assert issue.origin == issue.data_through == dt.date(2025, 12, 31)
        assert issue.as_of == issue.issued_at == NOW
        assert (entry.role, entry.title) == ("baseline", "The seasonal_naive")
        np.testing.assert_array_equal(paths.values, fits.served.paths[series_id].values)
        np.testing.assert_array_equal(stored.values, figures[series_id].values)
        assert declaration == declaration_hash("seasonal_naive", specs)
