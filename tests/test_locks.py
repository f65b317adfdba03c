"""The locked requirements: hashes for all, addresses for none, one version in all of ours."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("requirements.txt", "requirements-image.txt", "requirements-dev.txt")
OLD_DAYS = 180
LOCKS = (*OURS, "bench/requirements.txt")
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[^\s;]+)(?: ; (?P<marker>.+?))? \\$")


def lines(lock: str) -> list[str]:
    return (ROOT / lock).read_text("utf-8").splitlines()


def pins(lock: str) -> set[tuple[str, ...]]:
    matches = [PIN.match(line) for line in lines(lock) if not line.startswith(" ")]
    return {tuple(match.groups(default="")) for match in matches if match}


@pytest.mark.parametrize("lock", LOCKS)
def test_there_is_nothing_but_pins_and_hashes(lock: str) -> None:
    """No http, no file:, no --index-url: where packages come from is not the project's business."""
    hashed = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")
    strange = [line for line in lines(lock) if not (PIN.match(line) or hashed.match(line))]
    assert not strange
    assert not [line for line in lines(lock) if re.search(r"https?:|file:|git\+|index-url", line)]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str) -> None:
    all_lines = [*lines(lock), ""]
    bare = [
        line
        for line, after in zip(all_lines, all_lines[1:], strict=False)
        if PIN.match(line) and "--hash" not in after
    ]
    assert not bare


def test_what_is_tested_is_what_is_run() -> None:
    service, image, tests = map(pins, OURS)
    assert service <= image <= tests


def test_what_is_declared_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = project["dependency-groups"]
    extras = project["project"]["optional-dependencies"]
    wanted = {
        "requirements.txt": [*project["project"]["dependencies"], *groups["build"]],
        "requirements-image.txt": [*extras["otel"], *extras["redis"]],
        "requirements-dev.txt": [*groups["lint"], *groups["test"], *extras["cluster"]],
        "bench/requirements.txt": [*project["project"]["dependencies"], *groups["bench"]],
    }
    for lock, requirements in wanted.items():
        names = {re.split(r"[\[<>=~! ]", requirement)[0] for requirement in requirements}
        assert names <= {name for name, *_ in pins(lock)}


def test_files_beside_the_code_are_packaged() -> None:
    """What the service reads at run time must be in the wheel, and so in the image."""
    package_data = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    globs = package_data["package-data"]["service"]
    packaged = {path for pattern in globs for path in (ROOT / "service").glob(pattern)}
    beside = {
        path
        for path in (ROOT / "service").rglob("*")
        if path.is_file()
        and path.suffix not in (".py", ".pyc")
        and "node_modules" not in path.parts
    }
    assert beside <= packaged
    declared = {
        path
        for glob in package_data["package-data"]["series"]
        for path in (ROOT / "series").glob(glob)
    }
    assert declared == {path for path in (ROOT / "series").iterdir() if path.is_file()}
    assert "series" in package_data["packages"]["find"]["include"]


def test_the_lock_is_not_old() -> None:
    """An old lock still installs; it is said, and fails nothing."""
    locked = dt.date.fromisoformat((ROOT / "requirements-date.txt").read_text("utf-8").strip())
    days = (dt.datetime.now(dt.UTC).date() - locked).days
    assert days >= 0
    if days > OLD_DAYS:
        pytest.skip(f"the lock is {days} days old: `make lock` renews it")
