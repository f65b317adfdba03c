from __future__ import annotations

import pytest

from service.core import run_store
from service.core.context import Context
from service.core.job_runner import JobError
from service.core.secrets import strip_folders
from service.issues.refit import refit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/srv/me/my figures.csv, row 3", "my figures.csv, row 3"),
        ("[Errno 28] No space left: '/srv/x/models/.a-1'", "[Errno 28] No space left: '.a-1'"),
        ("RegistryError: /srv/models: expected", "RegistryError: models: expected"),
        ("https://www.gov.uk/api/content/x: expected JSON", None),
        ("http://127.0.0.1:9/a/b.ods, SB_01: 1/2", None),
        ("figures.csv, row 3: expected 2026/01/05", None),
    ],
)
def test_without_folders_shortens_paths_but_not_urls(text: str, expected: str | None) -> None:
    assert strip_folders(text) == (text if expected is None else expected)


def test_recorded_reason_omits_folders(filled: Context) -> None:
    models = filled.settings.models_dir
    for file in models.glob("*.toml"):
        file.write_text("no TOML")
    with pytest.raises(JobError, match=str(models)):
        refit(filled)
    with filled.database.reading() as connection:
        run = run_store.get_latest_run(connection, "refit")
    assert run is not None
    assert run.reason is not None
    assert str(models.parent) not in run.reason
    assert run.reason.startswith("models: expected a model")
