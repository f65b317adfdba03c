from __future__ import annotations

from pathlib import Path

import pytest

from service.answers.issue_loader import IssueLoader
from service.answers.status import status
from service.core.context import Context
from service.core.database import connect
from service.core.settings import Settings
from service.issues import model_problems
from service.issues.model_problems import REASONS, ModelProblems, find_problems
from service.issues.refit import refit
from tests.service.support import quick_models


def context_in(folder: Path) -> Context:
    models, fitted = quick_models(folder / "models"), folder / "fitted"
    return Context(Settings(models_dir=models, fitted_dir=fitted), connect("sqlite://"))


def test_nothing_is_wrong(tmp_path: Path) -> None:
    assert find_problems(context_in(tmp_path)) == ()


def test_each_kind_has_a_name_and_says_no_folder(tmp_path: Path) -> None:
    context = context_in(tmp_path)
    settings = context.settings
    for name in "abcde":
        (settings.models_dir / f"{name}.toml").write_bytes(b"\xff")
    found = dict(find_problems(context))
    assert found["models_left_out"].startswith("a.toml: expected text in utf-8")
    assert found["models_left_out"].endswith("; and 2 more")
    for file in settings.models_dir.glob("[cs]*.toml"):
        file.unlink()
    found |= dict(find_problems(context))
    assert found["no_models"].startswith("models: expected a model that can be published")
    assert set(found) == set(REASONS)
    assert str(tmp_path) not in str(found)


def test_it_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = context_in(tmp_path)
    settings = context.settings
    problems = ModelProblems(context)
    assert problems() == ()
    (settings.models_dir / "x.toml").write_bytes(b"\xff")
    assert problems() == (), "not with every answer"
    monkeypatch.setattr(model_problems, "_LOOK_SECONDS", -1)
    assert [name for name, _ in problems()] == ["models_left_out"]


def reasons(context: Context) -> list[str]:
    return [one["name"] for one in status(IssueLoader(context))["reasons"]]


def test_a_forecast_is_made_and_degraded_until_the_files_are_mended(filled: Context) -> None:
    bad = filled.settings.models_dir / "hurdle (copy).toml"
    bad.write_text('family = "hurdle"')
    outcome = refit(filled)
    assert outcome.outcome == "done"
    assert "hurdle (copy).toml: model 'hurdle (copy)': expected a name" in outcome.reason
    assert "models_left_out" in reasons(filled)
    bad.unlink()
    assert "models_left_out" not in reasons(filled)
