import datetime as dt
import resource
import shutil
from functools import partial

import pytest
import sqlalchemy as sa

from forecast.forecasters.climatology import Climatology, FittedClimatology
from service.core.clock import utc_now
from service.core.job_runner import JobError
from service.data.ingest import ingest
from service.issues import declared_models, fitted_models
from service.issues import model_fits as module
from service.issues.compare import compare
from service.issues.hindcast import hindcast, replay
from service.issues.refit import refit
from tests.service.stored_figures import Figure, store_as_documents
from tests.service.stored_issues import latest_issue, stored_paths, with_settings
from tests.service.support import ROUTE


def test_full_disk_while_saving_fit_leaves_no_partial_file(filled, monkeypatch, caplog):
    """A limit on file size makes the write fail as a full disk does."""
    write_atomically = fitted_models.write_atomically
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def write_limited(file, content):
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))
        try:
            write_atomically(file, content)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    monkeypatch.setattr(fitted_models, "write_atomically", write_limited)
    assert refit(filled).outcome == "done"
    assert "File too large" in caplog.text
    assert latest_issue(filled).champion == "climatology"
    assert not [path for path in filled.settings.fitted_folder.rglob("*") if path.is_file()]


def test_corrupt_fitted_version_is_refitted(filled, caplog):
    refit(filled)
    before = stored_paths(filled)
    (file,) = filled.settings.fitted_folder.glob("people/climatology/*")
    file.write_bytes(file.read_bytes()[:-20])
    assert refit(filled, force=True).outcome == "done"
    assert "a fitted version is rejected and fitted again" in caplog.text
    assert "expected a readable version" in caplog.text
    (again,) = file.parent.iterdir()
    fitted_models.load(again)
    assert stored_paths(filled) == before


def test_changed_code_leads_to_refit(filled, monkeypatch):
    refit(filled)
    monkeypatch.setattr(module, "utc_now", lambda: utc_now() + dt.timedelta(seconds=1))
    first = latest_issue(filled)
    assert refit(filled).outcome == "skipped"
    monkeypatch.setattr(declared_models, "_code_hash", lambda: "changed")
    assert refit(filled).outcome == "done"
    assert latest_issue(filled).issue_id != first.issue_id
    folder = filled.settings.fitted_folder
    assert len(list(folder.glob("people/climatology/*"))) == 2


def test_no_transaction_is_open_during_fit_or_simulation(empty, monkeypatch):
    context = with_settings(empty, champion_origins=4)
    monkeypatch.setattr("service.issues.hindcast.ORIGINS", 2)
    engine = context.database.engine
    transactions = []
    sa.event.listen(engine, "begin", lambda _: transactions.append("open"))
    for end in ("commit", "rollback"):
        sa.event.listen(engine, end, lambda _: transactions.pop())
    calls = []

    def spy(function):
        def wrapper(*args, **kwargs):
            calls.append((job, len(transactions)))
            return function(*args, **kwargs)

        return wrapper

    ingest(context)
    refit(context)
    monkeypatch.setattr(Climatology, "fit", spy(Climatology.fit))
    monkeypatch.setattr(FittedClimatology, "simulate", spy(FittedClimatology.simulate))
    revised = Figure("people", dt.date(2024, 1, 9), 9_000, "page", utc_now(), is_marked=True)
    with context.database.writing() as connection:
        store_as_documents(connection, ROUTE, [revised], utc_now())
    for_days = partial(hindcast, days=[dt.date(2025, 11, 2)])
    for job in (refit, compare, for_days, replay):
        job(context)
    assert set(calls) == {(job, 0) for job in (refit, compare, for_days, replay)}


def test_model_exceeding_fit_limit_is_left_out(filled):
    other = with_settings(filled, fit_seconds=0.001)
    with pytest.raises(JobError, match=r"took longer than 0\.001 s, the limit for a fit"):
        refit(other)
    refit(filled)
    shutil.rmtree(filled.settings.fitted_folder / "people" / "climatology")
    refit(other, force=True)
    assert "limit for a fit" in latest_issue(filled).failures["climatology"]
