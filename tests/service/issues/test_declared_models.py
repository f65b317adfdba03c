import os
import shutil

import pytest

from forecast.specs import FAMILIES
from service.core.context import Context
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
from tests.service.support import CHAMPION, DECLARED, declare_model, declare_quick_models


@pytest.fixture
def folder(tmp_path):
    return declare_quick_models(tmp_path / "models")


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
    monkeypatch.setattr(declared_models, "_code_hash", declared_models._code_hash.__wrapped__)
    assert declaration_hash("climatology", specs) == before
    with (copy / "forecasters/climatology.py").open("a") as source:
        source.write("# changed\n")
    assert declaration_hash("climatology", specs) != before


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (b"x", b"# caf\xe9", "expected text in utf-8, found 'utf-8' codec can't decode byte 0xe9"),
        (b"x", b'family = "oracle"', "expected one of the families"),
        (b"a\nb", b'family = "hurdle"', "expected a name of letters"),
        (b"caf\xe9", b'family = "hurdle"', "expected a name of letters"),
        (b"folder", None, "expected a readable file, found Is a directory"),
    ],
)
def test_invalid_declaration_is_left_out_and_named(folder, caplog, name, content, message):
    file = folder / os.fsdecode(name + b".toml")
    file.write_bytes(content) if content else file.mkdir()
    specs, (line,) = read_declarations(folder)
    assert list(specs) == ["climatology", "seasonal_naive"]
    assert line.startswith(f"{repr(str(file))[1:-1]}: ")
    assert message in line
    assert "\n" not in line
    line.encode()  # can be sent in a response
    assert declared(folder) == specs
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert line in caplog.text


def test_hidden_and_unrelated_files_are_ignored(folder):
    (folder / ".#climatology.toml").symlink_to("me@here.1234:5678")
    for name in (".x.toml", "climatology.toml~"):
        (folder / name).write_bytes(b"\xff")
    assert read_declarations(folder)[1] == []


@pytest.mark.parametrize(
    ("roles", "champion", "found"),
    [
        ({"x": "champion"}, "climatology", "climatology, x"),
        ({"climatology": "baseline", "x": "challenger"}, "x", "none"),
        ({"climatology": "member"}, "seasonal_naive", "none"),
    ],
)
def test_one_champion_is_chosen_from_none_or_several(folder, roles, champion, found):
    for name, role in roles.items():
        declare_model(folder, name, "climatology", role)
    specs, (line,) = read_declarations(folder)
    new_roles = roles | {"x": "challenger", champion: "champion"}
    assert all(spec.role == new_roles.get(name, "baseline") for name, spec in specs.items())
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


def test_problems_have_names_and_omit_folders(folder):
    context = Context(Settings(models_dir=folder), None)
    assert find_problems(context) == ()
    for name in "ab":
        (folder / f"{name}.toml").write_bytes(b"\xff")
    ((name, detail),) = find_problems(context)
    assert detail.startswith("a.toml: expected text in utf-8")
    assert "; b.toml: " in detail
    for file in folder.glob("[cs]*.toml"):
        file.unlink()
    ((other_name, other_detail),) = find_problems(context)
    assert other_detail.startswith("models: expected a model that can be published")
    assert (name, other_name) == PROBLEMS
