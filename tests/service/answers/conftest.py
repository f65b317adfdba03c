"""A loader, and a database with an issue that uses the weather, made once and copied."""

import shutil

import pytest

from service.answers.issue_loader import IssueLoader
from service.core.context import open_context
from service.core.settings import Settings
from service.issues import refit as module
from service.issues.refit import refit
from tests.service import sample_weather
from tests.service.support import ManualClock, declare_quick_models, utc

READ_AT, ISSUED_AT = utc(2026, 1, 1, 5), utc(2026, 1, 1, 14)
"""When the weather was read, and the issue published."""


@pytest.fixture
def loader(context, clock):
    return IssueLoader(context, clock)


@pytest.fixture(scope="session")
def windy_settings(published, tmp_path_factory):
    folder = tmp_path_factory.mktemp("windy")
    (folder / "var").mkdir()
    shutil.copy(published / "after-ingest.sqlite", folder / "var" / "crossings.sqlite")
    settings = Settings(
        source="figures",
        var_dir=folder / "var",
        models_dir=declare_quick_models(folder / "models"),
        paths=100,
        horizon=60,
        fit_seconds=0,
    )
    context = sample_weather.with_weather(open_context(settings))
    roughness = [0.5, 1.0, 2.0, 3.0, 0.4, 0.5, 0.6]
    sample_weather.store_weather(context.database, READ_AT, roughness, members=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "utc_now", ManualClock(ISSUED_AT))
        refit(context)
    context.database.close()
    return context.settings


def open_copy(settings, folder):
    """Open a copy of the database, with the same fitted models."""
    shutil.copytree(settings.var_dir, folder / "var")
    return open_context(settings.model_copy(update={"var_dir": folder / "var"}))
