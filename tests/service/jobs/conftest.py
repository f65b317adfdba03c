"""What the tests of jobs share: a site on loopback, and a store of each kind that reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.context import Context, open_context
from service.settings import Settings
from tests.service.support import quick_models
from tests.support.sites import Sites, running


@pytest.fixture
def sites() -> Iterator[Sites]:
    with running() as sites:
        yield sites


@pytest.fixture
def reader(database_url: str, tmp_path: Path, sites: Sites) -> Iterator[Context]:
    """An empty store of each kind; GOV.UK and Open-Meteo are played by `sites`."""
    opened = open_context(
        Settings(
            database_url=database_url,
            var_dir=tmp_path / "var",
            models_dir=quick_models(tmp_path / "models"),
            paths=100,
            horizon=28,
            source="govuk",
            govuk_url=sites.url,
            govuk_assets_url=sites.url,
            weather="openmeteo",
            weather_url=f"{sites.url}/{{service}}",
            fetch_attempts=1,
            fetch_seconds=1,
        )
    )
    yield opened
    opened.database.close()
