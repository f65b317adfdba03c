"""The documents stay true: they are short, their links lead somewhere, their settings exist."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import pytest

from service.api import metrics
from service.core.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(chain(ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md")))
# Decisions and the changelog speak of the code of their time.
PRESENT = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SETTING = re.compile(r"(?<![_A-Z])CROSSINGS_[A-Z_]*[A-Z]")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TITLE = re.compile(r"^#+ (.+)$", re.MULTILINE)
SETTINGS = {f"CROSSINGS_{name.upper()}": field for name, field in Settings.model_fields.items()}


def document(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(text: str) -> set[str]:
    """Anchors of the titles of a document, as they are commonly made."""
    return {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in TITLE.findall(text)}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 160


@pytest.mark.parametrize("path", DOCUMENTS, ids=document)
def test_links_lead_somewhere(path: Path) -> None:
    wrong = []
    for target in LINK.findall(path.read_text("utf-8")):
        place, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        found = path.parent / place if place else path
        if not found.exists():
            wrong.append(target)
        elif anchor and anchor not in anchors(found.read_text("utf-8")):
            wrong.append(target)
    assert not wrong


@pytest.mark.parametrize("path", DOCUMENTS, ids=document)
def test_settings_that_are_named_exist(path: Path) -> None:
    assert set(SETTING.findall(path.read_text("utf-8"))) <= set(SETTINGS)


@pytest.mark.parametrize("name", ["Dockerfile", "Makefile"])
def test_settings_of_the_ways_to_start_exist(name: str) -> None:
    assert set(SETTING.findall((ROOT / name).read_text("utf-8"))) <= set(SETTINGS)


@pytest.mark.parametrize("path", PRESENT, ids=lambda path: path.name)
def test_code_that_is_named_exists(path: Path) -> None:
    """Files by their path, and names in the forms "`NAME` of `file`" and "`file` (`NAME`)"."""
    text = path.read_text("utf-8")
    file = r"`((?:forecast|service|bench|tests)/[a-z_/]+\.py)`"
    named = [(place, name) for name, place in re.findall(rf"`(\w+)` (?:in|of)\s{file}", text)]
    named += re.findall(rf"{file} \(`(\w+)`", text)
    missing = [place for place in re.findall(file, text) if not (ROOT / place).is_file()]
    missing += [
        f"{name} in {place}"
        for place, name in named
        if not re.search(rf"\b{name}\b", (ROOT / place).read_text("utf-8"))
    ]
    assert not missing


def test_every_setting_is_documented() -> None:
    """The table in docs/operations.md has each setting with its default and its meaning."""
    rows = {}
    for line in (ROOT / "docs" / "operations.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 3 and SETTING.fullmatch(cells[0].strip("`")):
            rows[cells[0].strip("`")] = (cells[1].strip("`"), cells[2])
    assert list(rows) == list(SETTINGS), "the same settings, in the same order"
    for name, field in SETTINGS.items():
        default, meaning = rows[name]
        assert meaning
        if isinstance(field.default, Path):
            assert default == f"{field.default.name}` beside the code"
        else:
            assert default == ("" if field.default is None else str(field.default))


def test_metrics_that_are_shown_have_their_labels() -> None:
    shown = re.findall(
        r"^crossings_(\w+)\{(.*)\} ", (ROOT / "docs" / "operations.md").read_text(), re.M
    )
    assert shown
    for name, labels in shown:
        described = metrics._DESCRIBED[name.removesuffix("_total")][0]
        assert re.findall(r"(\w+)=", labels) == sorted(described), name


def test_decisions_are_numbered_and_of_one_form() -> None:
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [file.name[:4] for file in files]
    assert numbers == sorted(set(numbers)), "each number once"
    for file in files:
        text = file.read_text("utf-8")
        assert text.startswith(f"# {file.name[:4]} ")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
            "Context",
            "Decision",
            "Consequences",
        ]
        assert len(text.splitlines()) <= 60, "a page each"
