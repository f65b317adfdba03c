from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from forecast.specs import FAMILIES
from service.answers.issue_loader import IssueLoader
from service.answers.status import status
from service.core.context import Context
from service.core.database import connect
from service.core.files import RegistryError
from service.core.settings import PROJECT, Settings
from service.issues import declared_models
from service.issues.declared_models import (
    PROBLEMS,
    declaration_hash,
    declared,
    find_problems,
    read_declarations,
)
from service.issues.refit import refit
from tests.service.support import CHAMPION, DECLARED, declare_model, declare_quick_models


def test_project_model_declarations_are_valid() -> None:
    specs = declared(PROJECT / "models")
    assert list(specs) == sorted(specs)
    assert [name for name, spec in specs.items() if spec.role == "champion"] == [CHAMPION]
    assert set(DECLARED) < set(specs)
    assert {spec.family for spec in specs.values()} <= set(FAMILIES)


@pytest.mark.parametrize("exists", [True, False])
def test_missing_or_empty_models_folder_is_rejected(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "models"
    if exists:
        folder.mkdir()
    with pytest.raises(RegistryError, match=r"models: expected model declarations \(\*\.toml\)"):
        declared(folder)


def test_declaration_hash_changes_with_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = declared(PROJECT / "models")
    before = declaration_hash("climatology", specs)
    copy = tmp_path / "forecast"
    shutil.copytree(PROJECT / "forecast", copy)
    monkeypatch.setattr(declared_models.forecast, "__file__", str(copy / "__init__.py"))
    declared_models._code_hash.cache_clear()
    try:
        assert declaration_hash("climatology", specs) == before
        with (copy / "forecasters/climatology.py").open("a") as source:
            source.write("# changed\n")
        declared_models._code_hash.cache_clear()
        assert declaration_hash("climatology", specs) != before
    finally:
        declared_models._code_hash.cache_clear()


VALID = b'title = "X"\nfamily = "hurdle"\n'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "x",
            b'# caf\xe9\nfamily = "hurdle"',
            "expected text in utf-8, found 'utf-8' codec can't decode byte 0xe9",
        ),
        ("x", b"title = ", "expected TOML, found"),
        ("x", b'family = "oracle"', "expected one of the families"),
        ("x", b'family = "hurdle"\nrole = "king"', "expected one of the roles"),
        ("x", b'family = "hurdle"\ntitle = "a\\u0000"', "printable characters"),
        ("x", b'family = "hurdle"\ntitle = "' + b"a" * 201 + b'"', "at most 200 printable"),
        ("x", b'family = "hurdle"\n[parameters]\nharmonics = 2024-01-01', "to be a number"),
        ("hurdle (copy)", VALID, "expected a name of letters"),
        ("a\nb", VALID, "expected a name of letters"),
        ("x" * 65, VALID, "of at most 64 characters"),
    ],
)
def test_invalid_declaration_is_left_out_and_named(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    folder = declare_quick_models(tmp_path / "models")
    (folder / f"{name}.toml").write_bytes(content)
    declarations = read_declarations(folder)
    assert list(declarations.specs) == ["climatology", "seasonal_naive"]
    (line,) = declarations.problems
    assert line.startswith(str(folder))
    assert name.encode("unicode_escape").decode() + ".toml" in line
    assert message in line
    assert "\n" not in line
    assert len(line) < 700


def test_undecodable_names_and_irregular_files_are_reported(tmp_path: Path) -> None:
    folder = declare_quick_models(tmp_path / "models")
    (Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.toml"))).write_bytes(VALID)
    (folder / "folder.toml").mkdir()
    (folder / "link.toml").symlink_to("nowhere")
    declarations = read_declarations(folder)
    assert list(declarations.specs) == ["climatology", "seasonal_naive"]
    text = "\n".join(declarations.problems)
    text.encode()  # can be sent in a response
    for message in (
        "caf\\udce9.toml: ",
        "folder.toml: expected a readable file, found Is a directory",
        "link.toml: expected a readable file, found No such file",
    ):
        assert message in text


def test_hidden_and_unrelated_files_are_ignored(tmp_path: Path) -> None:
    folder = declare_quick_models(tmp_path / "models")
    (folder / ".#climatology.toml").symlink_to("me@here.1234:5678")
    (folder / ".x.toml").write_bytes(b"\xff")
    (folder / "climatology.toml~").write_bytes(b"\xff")
    (folder / "#climatology.toml#").write_bytes(b"\xff")
    (folder / "README.md").write_text("words")
    (folder / "fitted").mkdir()
    declare_model(folder / "fitted", "y", "hurdle", "champion")
    declarations = read_declarations(folder)
    assert list(declarations.specs) == ["climatology", "seasonal_naive"]
    assert declarations.problems == ()


@pytest.mark.parametrize(
    ("name", "role", "champion", "new_role", "found"),
    [
        ("x", "champion", "climatology", "challenger", "climatology, x"),
        ("climatology", "challenger", "climatology", None, "none"),
        ("climatology", "member", "seasonal_naive", "member", "none"),
    ],
)
def test_one_champion_is_chosen_from_none_or_several(
    tmp_path: Path, name: str, role: str, champion: str, new_role: str | None, found: str
) -> None:
    folder = declare_quick_models(tmp_path / "models")
    declare_model(folder, name, "climatology", role)
    declarations = read_declarations(folder)
    roles = {model: spec.role for model, spec in declarations.specs.items()}
    assert [model for model, role in roles.items() if role == "champion"] == [champion]
    assert new_role is None or roles[name] == new_role
    (line,) = declarations.problems
    expected = 'expected one model with role = "champion"'
    assert line == f"{folder}: {expected}, found {found}: {champion} is used"


def test_error_without_usable_model_names_files(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "x.toml").write_bytes(b"\xff")
    with pytest.raises(RegistryError, match=r"models: expected a model .* found .*x\.toml: "):
        declared(folder)
    declare_model(folder, "x", "climatology", "member")
    with pytest.raises(RegistryError, match="found only members of pools"):
        declared(folder)


def test_left_out_declaration_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = declare_quick_models(tmp_path / "models")
    (folder / "x.toml").write_bytes(b"\xff")
    assert list(declared(folder)) == ["climatology", "seasonal_naive"]
    assert [record.levelname for record in caplog.records].count("WARNING") == 1
    assert str(folder / "x.toml") in caplog.text


def test_problems_have_names_and_omit_folders(tmp_path: Path) -> None:
    models = declare_quick_models(tmp_path / "models")
    context = Context(Settings(models_dir=models), connect("sqlite:///:memory:"))
    assert find_problems(context) == ()
    for names in ("abc", "de"):
        for name in names:
            (models / f"{name}.toml").write_bytes(b"\xff")
        assert ("more" in find_problems(context)[0][1]) is (names == "de"), "three are named"
    problems = dict(find_problems(context))
    assert problems["models_left_out"].startswith("a.toml: expected text in utf-8")
    assert problems["models_left_out"].endswith("; and 2 more")
    for file in models.glob("[cs]*.toml"):
        file.unlink()
    problems |= dict(find_problems(context))
    assert problems["no_models"].startswith("models: expected a model that can be published")
    assert set(problems) == set(PROBLEMS)
    assert str(tmp_path) not in str(problems)


def test_invalid_declaration_degrades_forecast_until_removed(filled: Context) -> None:
    def reasons() -> list[str]:
        return [reason["name"] for reason in status(IssueLoader(filled))["reasons"]]

    file = filled.settings.models_dir / "hurdle (copy).toml"
    file.write_text('family = "hurdle"')
    outcome = refit(filled)
    assert outcome.outcome == "done"
    assert "hurdle (copy).toml: model 'hurdle (copy)': expected a name" in outcome.reason
    assert "models_left_out" in reasons()
    file.unlink()
    assert "models_left_out" not in reasons()
