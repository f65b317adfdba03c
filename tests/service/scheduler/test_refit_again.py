from __future__ import annotations

import datetime as dt

import pytest

from service.core import run_store
from service.core.clock import utc_now
from service.core.context import Context
from service.core.job_runner import JobError
from service.issues.refit import refit
from service.scheduler.refit_again import refit_again
from tests.service.support import ROUTE, quick_models

MINUTE = dt.timedelta(minutes=1)


def refits(context: Context) -> list[str]:
    with context.database.reading() as connection:
        return [run.outcome for run in run_store.recent(connection, "refit")]


def test_a_refit_that_failed_is_tried_again_until_the_fault_is_mended(filled: Context) -> None:
    models = filled.settings.models_dir
    for file in models.glob("*.toml"):
        file.write_text("no TOML")
    before = len(refits(filled))
    refit_again(filled)
    assert len(refits(filled)) == before, "none has failed"
    with pytest.raises(JobError, match="expected a model that can be published"):
        refit(filled)
    began = utc_now()
    for minutes, tries in ((4, 1), (6, 2), (9, 2), (12, 3)):
        refit_again(filled, began + minutes * MINUTE)
        assert len(refits(filled)) == before + tries, minutes
    quick_models(models)
    refit_again(filled, began + 60 * MINUTE)
    assert refits(filled)[0] == "done"
    refit_again(filled, began + 600 * MINUTE)
    assert len(refits(filled)) == before + 4


def test_a_failure_of_the_future_keeps_nobody_waiting(filled: Context) -> None:
    with filled.database.writing() as connection:
        later = utc_now() + dt.timedelta(days=400)
        claimed = run_store.claim(
            connection, "refit", "before the clock was set back", later, ROUTE.name
        )
        assert claimed is not None
        run_store.finish(connection, claimed, "failed", "why", {}, later)
    refit_again(filled)
    assert refits(filled)[0] == "done"
