"""Locked requirements: hashes, no URLs, and the same versions in all locks."""

import datetime as dt
import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("requirements.txt", "requirements-image.txt", "requirements-dev.txt")
MAX_DAYS = 180
LOCKS = (*OURS, "bench/requirements.txt")
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[^\s;]+)(?: ; (?P<marker>.+?))? \\$")


def read_lines(lock):
    return (ROOT / lock).read_text("utf-8").splitlines()


def read_pins(lock):
    matches = [PIN.match(line) for line in read_lines(lock) if not line.startswith(" ")]
    return {tuple(match.groups(default="")) for match in matches if match}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_consists_of_pins_with_hashes(lock):
    """The lock does not say where packages come from: no URL and no index."""
    hashed = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")
    lines = read_lines(lock)
    assert not [line for line in lines if not (PIN.match(line) or hashed.match(line))]
    assert not [line for line in lines if re.search(r"https?:|file:|git\+|index-url", line)]
    assert not [
        line
        for line, following in pairwise([*lines, ""])
        if PIN.match(line) and "--hash" not in following
    ]


def test_tests_use_the_versions_of_service_and_image():
    service, image, tests = map(read_pins, OURS)
    assert service <= image <= tests


def test_declared_dependencies_are_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = project["dependency-groups"]
    extras = project["project"]["optional-dependencies"]
    declared = {
        "requirements.txt": [*project["project"]["dependencies"], *groups["build"]],
        "requirements-image.txt": [*extras["otel"], *extras["redis"]],
        "requirements-dev.txt": [*groups["lint"], *groups["test"], *extras["cluster"]],
        "bench/requirements.txt": [*project["project"]["dependencies"], *groups["bench"]],
    }
    for lock, requirements in declared.items():
        names = {re.split(r"[\[<>=~! ]", requirement)[0] for requirement in requirements}
        assert names <= {name for name, *_ in read_pins(lock)}


def test_data_files_are_packaged():
    """Files read at run time must be in the wheel, and so in the image."""
    package_data = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    globs = package_data["package-data"]["service"]
    packaged = {path for pattern in globs for path in (ROOT / "service").glob(pattern)}
    data_files = {
        path
        for path in (ROOT / "service").rglob("*")
        if path.is_file()
        and path.suffix not in (".py", ".pyc")
        and "node_modules" not in path.parts
    }
    assert data_files <= packaged
    declared = {
        path
        for glob in package_data["package-data"]["series"]
        for path in (ROOT / "series").glob(glob)
    }
    assert declared == {path for path in (ROOT / "series").iterdir() if path.is_file()}
    assert "series" in package_data["packages"]["find"]["include"]


def test_lock_is_recent():
    """Skipped with a reason if the lock is old, since it still installs."""
    locked = dt.date.fromisoformat((ROOT / "requirements-date.txt").read_text("utf-8").strip())
    days = (dt.datetime.now(dt.UTC).date() - locked).days
    assert days >= 0
    if days > MAX_DAYS:
        pytest.skip(f"the lock is {days} days old: `make lock` renews it")
