from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from forecast.forecasters.climatology import Climatology, FittedClimatology
from service.core.clock import utc_now
from service.core.context import Context, open_context
from service.core.job_runner import JobError
from service.core.settings import Settings
from service.data.ingest import ingest
from service.issues import declared_models, fitted_models
from service.issues import model_fits as module
from service.issues.compare import compare
from service.issues.hindcast import hindcast, replay
from service.issues.refit import refit
from tests.service.issued import changed, contents, latest
from tests.service.stored import Figure, record
from tests.service.support import ROOT, ROUTE, Hand, as_environment, quick_models


def test_a_fit_that_cannot_be_kept_is_published_all_the_same(
    filled: Context, caplog: pytest.LogCaptureFixture
) -> None:
    folder = filled.settings.fitted_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "people").mkdir()
    (folder / "people" / "climatology").write_text("a file where a folder should be")
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
        "from service.issues import fitted_models\n"
        "from service.issues import model_fits\n"
        "whole = fitted_models.write_whole\n"
        "def little(file, content):\n"
        "    before = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))\n"
        "    try: whole(file, content)\n"
        "    finally: resource.setrlimit(resource.RLIMIT_FSIZE, before)\n"
        "fitted_models.write_whole = little\n"
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
    (file,) = filled.settings.fitted_folder.glob("people/climatology/*")
    file.write_bytes(file.read_bytes()[:-20])
    outcome = refit(filled, force=True)
    assert outcome.outcome == "done"
    assert "; fitted again: " in outcome.reason
    assert list(outcome.detail["remade"]) == ["climatology"]
    assert "a fitted version is refused and made again" in caplog.text
    (again,) = file.parent.iterdir()
    fitted_models.load(again)
    assert "expected a readable version" in caplog.text
    assert contents(filled) == before


def test_a_change_in_the_code_is_fitted_anew(
    filled: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Hand(utc_now())
    monkeypatch.setattr(module, "utc_now", hand)
    refit(filled)
    hand.now += dt.timedelta(seconds=1)
    first = latest(filled)
    assert refit(filled).outcome == "skipped"
    monkeypatch.setattr(declared_models, "_code_hash", lambda: "changed")
    assert refit(filled).outcome == "done"
    assert latest(filled).issue_id != first.issue_id
    folder = filled.settings.fitted_folder
    assert len(list(folder.glob("people/climatology/*"))) == 2


def test_no_transaction_is_open_while_a_model_is_fitted_or_drawn(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = quick_models(tmp_path / "models")
    context = open_context(
        Settings(
            database_url=database_url,
            source="figures",
            var_dir=tmp_path / "var",
            models_dir=models,
            paths=100,
            horizon=28,
            fit_seconds=0,
            champion_origins=4,
        )
    )
    engine = context.database.engine
    open_now: list[str] = []
    sa.event.listen(engine, "begin", lambda _: open_now.append("one"))
    for end in ("commit", "rollback"):
        sa.event.listen(engine, end, lambda _: open_now.pop())
    seen: list[tuple[str, int]] = []
    whose = [""]

    def watched(inner: Callable[..., Any]) -> Callable[..., Any]:
        def outer(*arguments: Any, **named: Any) -> Any:
            seen.append((whose[0], len(open_now)))
            return inner(*arguments, **named)

        return outer

    monkeypatch.setattr(Climatology, "fit", watched(Climatology.fit))
    monkeypatch.setattr(FittedClimatology, "simulate", watched(FittedClimatology.simulate))
    ingest(context)
    refit(context)
    revised = Figure("people", dt.date(2024, 1, 9), 9_000, "page", utc_now(), is_marked=True)
    with context.database.writing() as connection:
        record(connection, ROUTE, [revised], utc_now())
    for name, work in (
        ("refit", lambda: refit(context)),
        ("compare", lambda: compare(context)),
        ("hindcast", lambda: hindcast(context, [dt.date(2025, 11, 2)])),
        ("replay", lambda: replay(context)),
    ):
        whose[0] = name
        work()
    context.database.close()
    jobs = {job for job, _ in seen}
    assert jobs == {"", "refit", "compare", "hindcast", "replay"}
    fits = Counter(job for job, _ in seen)
    assert fits["refit"] > fits[""], "what the revision changed is fitted too"
    assert {number for _, number in seen} == {0}


def test_a_champion_that_takes_too_long_is_left_out_of_the_next_issue(
    filled: Context, clock: Hand
) -> None:
    other = changed(filled, fit_seconds=0.001)
    with pytest.raises(JobError, match=r"took longer than 0\.001 s, the limit for a fit"):
        refit(other)
    refit(filled)
    shutil.rmtree(filled.settings.fitted_folder / "people" / "climatology")
    assert refit(other, force=True).outcome == "done"
    issue = latest(filled)
    assert (issue.champion, issue.wanted) == ("seasonal_naive", "climatology")
    assert "limit for a fit" in issue.failures["climatology"]
