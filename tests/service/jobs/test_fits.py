from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from service.context import Context
from service.jobs.record import JobError
from service.jobs.refit import refit
from tests.service.issued import contents, latest
from tests.service.support import ROOT, Hand, as_environment


def test_a_fit_that_cannot_be_kept_is_published_all_the_same(
    filled: Context, caplog: pytest.LogCaptureFixture
) -> None:
    folder = filled.settings.fitted_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "climatology").write_text("a file where a folder should be")
    outcome = refit(filled)
    assert outcome.outcome == "done"
    assert outcome.detail["unkept"] == ["climatology"]
    assert latest(filled).champion == "climatology"
    assert "the fit of climatology could not be kept" in caplog.text
    assert refit(filled, force=True).outcome == "done", "and made again"


def test_a_disk_that_is_full_while_a_model_is_written(filled: Context) -> None:
    """The limit of a file's size makes the write itself fail, as a full disk does."""
    script = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from service import registry\n"
        "from service.jobs import fits\n"
        "whole = registry.versions.write_whole\n"
        "def little(file, content):\n"
        "    before = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))\n"
        "    try: whole(file, content)\n"
        "    finally: resource.setrlimit(resource.RLIMIT_FSIZE, before)\n"
        "registry.versions.write_whole = little\n"
        "from service.cli import main\n"
        "import sys; sys.argv = ['crossings', 'refit']; main()\n"
    )
    env = as_environment(filled.settings)
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "File too large" in done.stderr
    assert "published" in done.stdout
    assert latest(filled).champion == "climatology"
    left = [path for path in filled.settings.fitted_folder.rglob("*") if path.is_file()]
    assert left == [], "nothing half written stays"


def test_a_fitted_version_that_is_corrupt_is_refused_and_made_again(
    filled: Context, caplog: pytest.LogCaptureFixture
) -> None:
    refit(filled)
    before = contents(filled)
    (file,) = filled.settings.fitted_folder.glob("climatology/*/model.json")
    file.write_bytes(file.read_bytes()[:-20])
    assert refit(filled, force=True).outcome == "done"
    assert "a fitted version is refused and made again" in caplog.text
    assert "expected the content hash" in caplog.text
    assert contents(filled) == before


def test_a_champion_that_takes_too_long_is_left_out_of_the_next_issue(
    filled: Context, clock: Hand
) -> None:
    settings = filled.settings.model_copy(update={"fit_seconds": 0.001})
    with pytest.raises(JobError, match=r"not done within 0\.001 s, the limit of a fit"):
        refit(Context(settings, filled.database))
    refit(filled)
    for folder in filled.settings.fitted_folder.glob("climatology/*"):
        shutil.rmtree(folder)
    assert refit(Context(settings, filled.database), force=True).outcome == "done"
    issue = latest(filled)
    assert (issue.champion, issue.wanted) == ("seasonal_naive", "climatology")
    assert "limit of a fit" in issue.failures["climatology"]
