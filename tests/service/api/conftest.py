"""One application for the tests that change nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.core.context import open_context
from service.core.settings import Settings
from tests.service.support import NOW, Hand


@pytest.fixture(scope="session")
def shared(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """The published service, for tests that only read; it counts no requests."""
    folder = tmp_path_factory.mktemp("shared")
    shutil.copy(published / "after-refit.sqlite", folder / "crossings.sqlite")
    settings = Settings(
        var_dir=folder,
        fitted_dir=published / "fitted",
        paths=200,
        rate_per_address="",
        rate_per_key="",
    )
    context = open_context(settings)
    yield create_app(context, Hand(NOW)).test_client()
    context.database.close()
