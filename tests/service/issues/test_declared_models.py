import os
import shutil
from pathlib import Path

import pytest

from forecast.specs import FAMILIES
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


def test_project_model_declarations_are_valid():
    specs = declared(PROJECT / "models")
    assert list(specs) == sorted(specs)
    assert [name for name, spec in specs.items() if spec.role == "champion"] == [CHAMPION]
    assert set(DECLARED) < set(specs)
    assert {spec.family for spec in specs.values()} <= set(FAMILIES)


def test_declaration_hash_changes_with_code(tmp_path, monkeypatch):
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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "x",
            b'# caf\xe9\nfamily = "hurdle"',
            "expected text in utf-8, found 'utf-8' codec can't decode byte 0xe9",
        ),
        ("x", b'family = "oracle"', "expected one of the families"),
        ("a\nb", b'family = "hurdle"', "expected a name of letters"),
    ],
)
def test_invalid_declaration_is_left_out_and_named(tmp_path, caplog, name, content, message):
    folder = declare_quick_models(tmp_path / "models")
    (folder / f"{name}.toml").write_bytes(content)
    specs, (line,) = read_declarations(folder)
    assert list(specs) == ["climatology", "seasonal_naive"]
    assert line.startswith(f"{folder}/{name.encode('unicode_escape').decode()}.toml: ")
    assert message in line
    assert "\n" not in line
    assert declared(folder) == specs
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert line in caplog.text


def test_hidden_and_unrelated_files_are_ignored_and_irregular_ones_reported(tmp_path):
    folder = declare_quick_models(tmp_path / "models")
    (folder / ".#climatology.toml").symlink_to("me@here.1234:5678")
    for name in (".x.toml", "climatology.toml~"):
        (folder / name).write_bytes(b"\xff")
    assert read_declarations(folder)[1] == []
    (Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.toml"))).touch()
    (folder / "folder.toml").mkdir()
    specs, problems = read_declarations(folder)
    assert list(specs) == ["climatology", "seasonal_naive"]
    text = "\n".join(problems)
    text.encode()  # can be sent in a response
    assert "caf\\udce9.toml: " in text
    assert "folder.toml: expected a readable file, found Is a directory" in text


@pytest.mark.parametrize(
    ("name", "role", "champion", "new_role", "found"),
    [
        ("x", "champion", "climatology", "challenger", "climatology, x"),
        ("climatology", "challenger", "climatology", "champion", "none"),
        ("climatology", "member", "seasonal_naive", "member", "none"),
    ],
)
def test_one_champion_is_chosen_from_none_or_several(
    tmp_path, name, role, champion, new_role, found
):
    folder = declare_quick_models(tmp_path / "models")
    declare_model(folder, name, "climatology", role)
    specs, (line,) = read_declarations(folder)
    assert [model for model, spec in specs.items() if spec.role == "champion"] == [champion]
    assert specs[name].role == new_role
    expected = 'expected one model with role = "champion"'
    assert line == f"{folder}: {expected}, found {found}: {champion} is used"


def test_error_without_usable_model_names_files(tmp_path):
    folder = tmp_path / "models"
    with pytest.raises(RegistryError, match=r"models: expected a model .* found no \*\.toml$"):
        declared(folder)
    folder.mkdir()
    (folder / "x.toml").write_bytes(b"\xff")
    with pytest.raises(RegistryError, match=r"models: expected a model .* found .*x\.toml: "):
        declared(folder)
    declare_model(folder, "x", "climatology", "member")
    with pytest.raises(RegistryError, match="found only members of pools"):
        declared(folder)


def test_problems_have_names_and_omit_folders(tmp_path):
    models = declare_quick_models(tmp_path / "models")
    context = Context(Settings(models_dir=models), connect("sqlite:///:memory:"))
    assert find_problems(context) == ()
    for name in "ab":
        (models / f"{name}.toml").write_bytes(b"\xff")
    ((name, detail),) = find_problems(context)
    assert detail.startswith("a.toml: expected text in utf-8")
    assert "; b.toml: " in detail
    for file in models.glob("[cs]*.toml"):
        file.unlink()
    ((other_name, other_detail),) = find_problems(context)
    assert other_detail.startswith("models: expected a model that can be published")
    assert (name, other_name) == PROBLEMS


def test_refit_reports_invalid_declaration(filled):
    (filled.settings.models_dir / "hurdle (copy).toml").write_text('family = "hurdle"')
    outcome = refit(filled)
    assert outcome.outcome == "done"
    assert "hurdle (copy).toml: model 'hurdle (copy)': expected a name" in outcome.reason
