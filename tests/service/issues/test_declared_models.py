from __future__ import annotations

from pathlib import Path

import pytest

from forecast.specs import FAMILIES
from service.core.files import RegistryError
from service.core.settings import PROJECT
from service.issues.declared_models import declared
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


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x", b"\xff\xfe", "utf-8"),
        ("x", b"title = ", "TOML"),
        ("x", b'family = "oracle"', "a family of"),
        ("x", b'family = "hurdle"\nrole = "king"', "a role of"),
        ("x", b'family = "hurdle"\nrole = "champion"', 'one model with role = "champion"'),
        ("climatology", b'family = "climatology"', 'one model with role = "champion"'),
    ],
)
def test_a_declaration_that_does_not_hold(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    folder = quick_models(tmp_path / "models")
    (folder / f"{name}.toml").write_bytes(content)
    with pytest.raises(RegistryError, match=said) as caught:
        declared(folder)
    assert str(caught.value).startswith(str(folder))
    assert "\n" not in str(caught.value)


def test_other_files_are_no_matter(tmp_path: Path) -> None:
    folder = quick_models(tmp_path / "models")
    (folder / "README.md").write_text("words")
    (folder / "fitted").mkdir()
    declare(folder / "fitted", "y", "hurdle", "champion")
    assert list(declared(folder)) == ["climatology", "seasonal_naive"]
