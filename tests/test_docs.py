"""Documents: links, and names of settings, code and metrics."""

import re
from itertools import chain
from pathlib import Path

import pytest

from service.api import metrics
from service.core.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(chain(ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md")))
# Decisions and the changelog describe the code of their time.
CURRENT = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SETTING = re.compile(r"(?<![_A-Z])CROSSINGS_[A-Z_]*[A-Z]")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TITLE = re.compile(r"^#+ (.+)$", re.MULTILINE)
SETTINGS = {f"CROSSINGS_{name.upper()}": field for name, field in Settings.model_fields.items()}


def relative(path):
    return str(path.relative_to(ROOT))


def anchors(text):
    """Anchors of a document's titles, in GitHub's form."""
    return {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in TITLE.findall(text)}


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 160


@pytest.mark.parametrize("path", DOCUMENTS, ids=relative)
def test_links_have_targets(path):
    wrong = []
    for target in LINK.findall(path.read_text("utf-8")):
        place, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = path.parent / place if place else path
        if not file.exists() or (anchor and anchor not in anchors(file.read_text("utf-8"))):
            wrong.append(target)
    assert not wrong


@pytest.mark.parametrize("path", [*DOCUMENTS, ROOT / "Dockerfile", ROOT / "Makefile"], ids=relative)
def test_mentioned_settings_exist(path):
    assert set(SETTING.findall(path.read_text("utf-8"))) <= set(SETTINGS)


@pytest.mark.parametrize("path", CURRENT, ids=lambda path: path.name)
def test_mentioned_code_exists(path):
    """Paths of files, and names in the forms "`NAME` of `file`" and "`file` (`NAME`)"."""
    text = path.read_text("utf-8")
    file = r"`((?:forecast|service|bench|tests)/[a-z_/]+\.py)`"
    names = [(place, name) for name, place in re.findall(rf"`(\w+)` (?:in|of)\s{file}", text)]
    names += re.findall(rf"{file} \(`(\w+)`", text)
    missing = [place for place in re.findall(file, text) if not (ROOT / place).is_file()]
    missing += [
        f"{name} in {place}"
        for place, name in names
        if not re.search(rf"\b{name}\b", (ROOT / place).read_text("utf-8"))
    ]
    assert not missing


def test_every_setting_is_documented():
    """The table in docs/operations.md has each setting with its default and its meaning."""
    rows = {}
    for line in (ROOT / "docs" / "operations.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 3 and SETTING.fullmatch(cells[0].strip("`")):
            rows[cells[0].strip("`")] = (cells[1].strip("`"), cells[2])
    assert list(rows) == list(SETTINGS)
    for name, field in SETTINGS.items():
        default, meaning = rows[name]
        assert meaning
        if isinstance(field.default, Path):
            assert default == f"{field.default.name}` beside the code"
        else:
            assert default == ("" if field.default is None else str(field.default))


def test_documented_metrics_have_their_labels():
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    samples = re.findall(r"^crossings_(\w+)\{(.*)\} ", text, re.MULTILINE)
    assert samples
    for name, labels in samples:
        described = metrics._DESCRIBED[name.removesuffix("_total")][0]
        assert re.findall(r"(\w+)=", labels) == sorted(described), name


def test_decisions_are_numbered_and_have_the_same_sections():
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [file.name[:4] for file in files]
    assert numbers == sorted(set(numbers))
    for file in files:
        text = file.read_text("utf-8")
        assert text.startswith(f"# {file.name[:4]} ")
        sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert sections == ["Context", "Decision", "Consequences"]
        assert len(text.splitlines()) <= 60
