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
from tests.service.support import CHAMPION, DECLARED, declare, quick_models


def test_the_models_of_the_project() -> None:
    specs = declared(PROJECT / "models")
    assert list(specs) == sorted(specs)
    assert [name for name, spec in specs.items() if spec.role == "champion"] == [CHAMPION]
    assert set(DECLARED) < set(specs)
    assert {spec.family for spec in specs.values()} <= set(FAMILIES)


@pytest.mark.parametrize("made", [True, False])
def test_no_declaration(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "models"
    if made:
        folder.mkdir()
    with pytest.raises(RegistryError, match=r"models: expected model declarations \(\*\.toml\)"):
        declared(folder)


def test_a_line_more_in_the_code_makes_another_model(
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


GOOD = b'title = "X"\nfamily = "hurdle"\n'


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x", b"\xff\xfe", "expected text in utf-8, found the byte 0xff in line 1"),
        ("x", b'# caf\xe9\nfamily = "hurdle"', "expected text in utf-8, found the byte 0xe9"),
        ("x", b"title = ", "expected TOML, found"),
        ("x", b"seed = " + b"1" * 5000, "expected TOML, found"),
        ("x", b"seed = " + b"[" * 20_000, "expected TOML, found tables nested too deeply"),
        ("x", b"#" * 100_001, "expected at most 100,000 bytes, found more"),
        ("x", b'family = "oracle"', "expected a family of"),
        ("x", b'family = "hurdle"\nrole = "king"', "expected a role of"),
        ("x", b'family = "hurdle"\ntitle = "a\\u0000"', "printable characters"),
        ("x", b'family = "hurdle"\ntitle = "' + b"a" * 201 + b'"', "at most 200 printable"),
        ("x", b'family = "hurdle"\n[parameters]\nharmonics = 2024-01-01', "to be a number"),
        ("hurdle (copy)", GOOD, "expected a name of letters"),
        ("a\nb", GOOD, "expected a name of letters"),
        ("x" * 65, GOOD, "of at most 64 characters"),
    ],
)
def test_a_file_that_declares_no_model_is_left_out_and_named(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    folder = quick_models(tmp_path / "models")
    (folder / f"{name}.toml").write_bytes(content)
    declarations = read_declarations(folder)
    assert list(declarations.specs) == ["climatology", "seasonal_naive"]
    (line,) = declarations.problems
    assert line.startswith(str(folder))
    assert name.encode("unicode_escape").decode() + ".toml" in line
    assert words in line
    assert "\n" not in line
    assert len(line) < 700


def test_names_that_are_no_text_and_files_that_cannot_be_read(tmp_path: Path) -> None:
    folder = quick_models(tmp_path / "models")
    (Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.toml"))).write_bytes(GOOD)
    (folder / "folder.toml").mkdir()
    (folder / "link.toml").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.toml")
    declarations = read_declarations(folder)
    assert list(declarations.specs) == ["climatology", "seasonal_naive"]
    text = "\n".join(declarations.problems)
    text.encode()  # an answer can say it
    for words in (
        "caf\\udce9.toml: ",
        "folder.toml: expected a regular file",
        "link.toml: expected a readable file, found No such file",
        "pipe.toml: expected a regular file",
    ):
        assert words in text


def test_hidden_files_are_no_matter(tmp_path: Path) -> None:
    folder = quick_models(tmp_path / "models")
    (folder / ".#climatology.toml").symlink_to("me@here.1234:5678")
    (folder / ".x.toml").write_bytes(b"\xff")
    (folder / "climatology.toml~").write_bytes(b"\xff")
    (folder / "#climatology.toml#").write_bytes(b"\xff")
    declarations = read_declarations(folder)
    assert list(declarations.specs) == ["climatology", "seasonal_naive"]
    assert declarations.problems == ()


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    folder = quick_models(tmp_path / "models")
    (folder / "x.toml").write_bytes(b"\xef\xbb\xbf" + GOOD)
    assert declared(folder)["x"].title == "X"


@pytest.mark.parametrize(
    ("name", "role", "champion", "others", "found"),
    [
        ("x", "champion", "climatology", "challenger", "climatology, x"),
        ("climatology", "challenger", "climatology", None, "none"),
        ("climatology", "member", "seasonal_naive", "member", "none"),
    ],
)
def test_one_model_is_the_champion_whatever_is_declared(
    tmp_path: Path, name: str, role: str, champion: str, others: str | None, found: str
) -> None:
    folder = quick_models(tmp_path / "models")
    declare(folder, name, "climatology", role)
    declarations = read_declarations(folder)
    roles = {one: spec.role for one, spec in declarations.specs.items()}
    assert [one for one, role in roles.items() if role == "champion"] == [champion]
    assert others is None or roles[name] == others
    (line,) = declarations.problems
    expected = 'expected one model with role = "champion"'
    assert line == f"{folder}: {expected}, found {found}: {champion} is used"


def test_when_no_model_is_left_the_files_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "x.toml").write_bytes(b"\xff")
    with pytest.raises(RegistryError, match=r"models: expected a model .* found .*x\.toml: "):
        declared(folder)
    declare(folder, "x", "climatology", "member")
    with pytest.raises(RegistryError, match="found only members of pools"):
        declared(folder)


def test_what_is_left_out_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = quick_models(tmp_path / "models")
    (folder / "x.toml").write_bytes(b"\xff")
    assert list(declared(folder)) == ["climatology", "seasonal_naive"]
    assert [one.levelname for one in caplog.records].count("WARNING") == 1
    assert str(folder / "x.toml") in caplog.text


def test_other_files_are_no_matter(tmp_path: Path) -> None:
    folder = quick_models(tmp_path / "models")
    (folder / "README.md").write_text("words")
    (folder / "fitted").mkdir()
    declare(folder / "fitted", "y", "hurdle", "champion")
    assert list(declared(folder)) == ["climatology", "seasonal_naive"]


def test_each_problem_has_a_name_and_says_no_folder(tmp_path: Path) -> None:
    models = quick_models(tmp_path / "models")
    context = Context(Settings(models_dir=models), connect("sqlite://"))
    assert find_problems(context) == ()
    for name in "abcde":
        (models / f"{name}.toml").write_bytes(b"\xff")
    found = dict(find_problems(context))
    assert found["models_left_out"].startswith("a.toml: expected text in utf-8")
    assert found["models_left_out"].endswith("; and 2 more")
    for file in models.glob("[cs]*.toml"):
        file.unlink()
    found |= dict(find_problems(context))
    assert found["no_models"].startswith("models: expected a model that can be published")
    assert set(found) == set(PROBLEMS)
    assert str(tmp_path) not in str(found)


def test_a_forecast_is_made_and_degraded_until_the_file_is_mended(filled: Context) -> None:
    bad = filled.settings.models_dir / "hurdle (copy).toml"
    bad.write_text('family = "hurdle"')
    outcome = refit(filled)
    assert outcome.outcome == "done"
    assert "hurdle (copy).toml: model 'hurdle (copy)': expected a name" in outcome.reason
    assert "models_left_out" in [one["name"] for one in status(IssueLoader(filled))["reasons"]]
    bad.unlink()
    assert "models_left_out" not in [one["name"] for one in status(IssueLoader(filled))["reasons"]]
