"""A change in the code of a family changes its hash; a change elsewhere does not."""

from __future__ import annotations

import gc
import shutil
import sys
import time
from pathlib import Path

import pytest

import forecast
from forecast.specs import FAMILIES
from service.issues import family_code
from service.issues.declared_models import declared
from service.issues.family_code import code_hash
from tests.service.support import ROOT as PROJECT
from tests.service.support import at_once

ROOT = Path(forecast.__file__).parent
FITTED = "forecast.forecasters.climatology"


def changed(tmp_path: Path, file: str, module: str = FITTED) -> bool:
    """Whether the hash of `module` differs in a copy of the package with a line more in `file`."""
    copy = tmp_path / "forecast"
    shutil.copytree(ROOT, copy)
    assert (copy / file).is_file()
    with (copy / file).open("a") as source:
        source.write("# changed\n")
    return code_hash(module, copy) != code_hash(module)


def test_a_copy_has_the_same_hash(tmp_path: Path) -> None:
    shutil.copytree(ROOT, tmp_path / "forecast")
    assert code_hash(FITTED, tmp_path / "forecast") == code_hash(FITTED)


def test_threads_hash_at_the_same_time() -> None:
    """Also where the garbage collector calls back, as Dask has it, and threads change there."""
    call_back, threshold = lambda *_: time.sleep(0), gc.get_threshold()
    gc.callbacks.append(call_back)
    gc.set_threshold(50)
    try:
        hashes = at_once(4, lambda: code_hash.__wrapped__(FITTED))
    finally:
        gc.callbacks.remove(call_back)
        gc.set_threshold(*threshold)
    assert set(hashes) == {code_hash(FITTED)}


@pytest.mark.parametrize(
    "file",
    [
        "forecasters/climatology.py",
        "forecasters/base.py",  # imported
        "covariates.py",  # imported by what is imported
        "joint.py",  # in which every fit begins
        "serialize.py",  # as `from forecast import serialize`
    ],
)
def test_a_line_that_a_fit_runs_changes_it(tmp_path: Path, file: str) -> None:
    assert changed(tmp_path, file)


@pytest.mark.parametrize("file", ["calibration_tests.py", "scenarios.py", "forecasters/sarimax.py"])
def test_an_unrelated_module_does_not(tmp_path: Path, file: str) -> None:
    assert not changed(tmp_path, file)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_all_that_python_imports_counts(tmp_path: Path, family: str) -> None:
    """As Python itself imports them: a module without which the family cannot be loaded."""
    module = FAMILIES[family].partition(":")[0]
    __import__(module)
    names = {
        value.__module__
        for value in vars(sys.modules[module]).values()
        if str(getattr(value, "__module__", "")).startswith("forecast.")
    }
    for at, name in enumerate(sorted(names)):
        file = name.removeprefix("forecast.").replace(".", "/") + ".py"
        assert changed(tmp_path / str(at), file, module), file


def test_the_versions_of_the_packages_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = declared(PROJECT / "models")
    before = family_code.declaration_hash("climatology", specs)

    def again(package: str) -> str:
        raise AssertionError(f"{package} was read again")

    monkeypatch.setattr(family_code.packages, "version", again)
    assert family_code.declaration_hash("climatology", specs) == before
