"""Test files mirror modules: `forecast/paths.py` has `tests/forecast/test_paths.py`."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STRICT = ("forecast", "service/answers")
"""Packages whose every module has its own test file."""


@pytest.mark.parametrize("package", STRICT)
def test_module_has_test_file(package):
    modules = [p for p in (ROOT / package).rglob("*.py") if p.name != "__init__.py"]
    assert modules
    missing = [
        str(module.relative_to(ROOT))
        for module in modules
        if not (ROOT / "tests" / module.relative_to(ROOT).parent / f"test_{module.name}").exists()
    ]
    assert not missing, f"modules without a test file: {sorted(missing)}"


def test_test_file_is_named_after_its_subject():
    """A module, a package or a folder of files; the name of an aspect may follow."""
    unmatched = []
    for package in ("forecast", "service"):
        for test in (ROOT / "tests" / package).rglob("test_*.py"):
            folder = ROOT / test.relative_to(ROOT / "tests").parent
            words = test.stem.removeprefix("test_").split("_")
            subjects = [folder / "_".join(words[:n]) for n in range(1, len(words) + 1)]
            if not any(s.is_dir() or s.with_suffix(".py").is_file() for s in subjects):
                unmatched.append(str(test.relative_to(ROOT)))
    assert not unmatched, f"test files without a module: {sorted(unmatched)}"
