"""The set-up installs the lock as it stands, and says in one line what went wrong.

The packages are wheels made here, so that the installer is real and no index is asked.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.waiting import PROCESS

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"


def wheel(folder: Path, name: str, version: str, *metadata: str) -> str:
    """Make a wheel with one module; returns its line of a lock."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    lines = ("Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        archive.writestr(f"{info}/METADATA", "\n".join(lines) + "\n")
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name}=={version} --hash=sha256:{digest}\n"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the pip that this Python brings."""
    folder = tmp_path_factory.mktemp("environment") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=PROCESS)
    return folder


@pytest.fixture
def project(tmp_path: Path, environment: Path) -> Path:
    """A folder with the scripts and a copy of the environment."""
    folder = tmp_path / "a project of 100 %"
    shutil.copytree(SCRIPTS, folder / "scripts")
    shutil.copytree(environment, folder / ".venv", symlinks=True, copy_function=os.link)
    return folder


def install(project: Path, lock: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (project / "lock.txt").write_text(lock, "utf-8")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    return subprocess.run(
        ["scripts/install-lock", ".venv/bin/python", "lock.txt", "the lock"],
        cwd=project,
        env=kept | {"PIP_CONFIG_FILE": os.devnull} | environment,
        capture_output=True,
        text=True,
        timeout=PROCESS,
    )


def version(project: Path, name: str) -> str:
    command = [project / ".venv/bin/python", "-c", f"import {name}; print({name}.version)"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    return folder


def test_a_release_newer_than_the_lock_changes_nothing(project: Path, wheels: Path) -> None:
    """A package is wanted with an extra; the release after the locked one is there as well."""
    extra = ("Provides-Extra: email", "Requires-Dist: validator>=1 ; extra == 'email'")
    lock = (
        wheel(wheels, "framework", "1.0", "Requires-Dist: models[email]>=1.0")
        + wheel(wheels, "models", "1.0", *extra)
        + wheel(wheels, "validator", "1.0")
    )
    wheel(wheels, "models", "1.1", *extra, "Requires-Dist: another")
    wheel(wheels, "validator", "2.0")
    done = install(project, lock, PIP_NO_INDEX="1", PIP_FIND_LINKS=wheels.as_uri())
    assert done.returncode == 0, done.stderr
    assert version(project, "models") == version(project, "validator") == "1.0"


def test_a_lock_that_lacks_something_is_refused(project: Path, wheels: Path) -> None:
    lock = wheel(wheels, "framework", "1.0", "Requires-Dist: models>=1.0")
    done = install(project, lock, PIP_NO_INDEX="1", PIP_FIND_LINKS=wheels.as_uri())
    assert done.returncode != 0
    assert "framework 1.0 requires models" in done.stderr


def test_another_package_of_the_same_name_is_refused(project: Path, wheels: Path) -> None:
    lock = wheel(wheels, "models", "1.0")
    wheel(wheels, "models", "1.0", "Summary: not the same")
    done = install(project, lock, PIP_NO_INDEX="1", PIP_FIND_LINKS=wheels.as_uri())
    assert "is not the one that the lock names" in one_line(done)


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a failure; the log that it names is there."""
    assert done.returncode != 0
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    log = re.search(r"Log: (\S+)$", lines[0])
    assert log
    return lines[0]


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"PIP_INDEX_URL": "http://127.0.0.1:9/simple"}, "the package index was not reached"),
        (
            {"PIP_INDEX_URL": "https://packages.invalid/simple", "PIP_PROXY": "http://127.0.0.1:9"},
            "the proxy to the package index does not answer",
        ),
    ],
)
def test_no_index_is_one_line_and_a_log(
    project: Path, wheels: Path, variables: dict[str, str], says: str
) -> None:
    lock = wheel(wheels, "models", "1.0")
    done = install(project, lock, PIP_RETRIES="1", **variables)
    assert says in one_line(done)
    assert "Installing the lock failed: " in done.stderr
    assert (project / "var/logs/installing-the-lock.log").stat().st_size > 0


def quietly(project: Path, said: str, status: int = 1) -> subprocess.CompletedProcess[str]:
    script = f'printf "%s\\n" "line 1" "$0" >&2; exit {status}'
    return subprocess.run(
        ["scripts/quietly", "A step", "sh", "-c", script, said],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=PROCESS,
    )


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("OSError: [Errno 28] No space left on device", "no space left on the disk"),
        ("ERROR: No matching distribution found for numpy==9", "for numpy==9: the index lacks it"),
        ("PermissionError: [Errno 13] Permission denied: '.venv'", "may not be written"),
        ("SSLError: certificate verify failed", "no certificate that pip trusts"),
        ("No module named 'ensurepip'", "the venv module is missing"),
        ("because ensurepip is not\navailable.", "the venv module is missing"),
        ("(from versions: none)", "the package index was not reached, or lacks"),
        ("ERROR: something else", "ERROR: something else"),
        ("", "it ended with status 1"),
    ],
)
def test_what_went_wrong_is_one_line_with_what_to_do(tmp_path: Path, said: str, says: str) -> None:
    shutil.copytree(SCRIPTS, tmp_path / "scripts")
    assert says in one_line(quietly(tmp_path, said))
    assert said in (tmp_path / "var/logs/a-step.log").read_text("utf-8")


@pytest.mark.parametrize(
    ("said", "full", "says"),
    [
        ("NewConnectionError", ".", "the package index was not reached"),
        ("", ".", "no space left on the disk of {project};"),
        ("", "/temporary", "no space left on the disk of /temporary;"),
        ("No space left on device", "/temporary", "no space left on the disk of /temporary;"),
    ],
)
def test_a_full_disk_is_the_cause_where_no_other_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, full: str, says: str
) -> None:
    project = tmp_path / "a project"
    shutil.copytree(SCRIPTS, project / "scripts")
    full = str(project) if full == "." else full
    df = tmp_path / "bin/df"
    df.parent.mkdir()
    df.write_text(
        f'#!/bin/sh\n[ "$2" = "{full}" ] && free=40000 || free=9000000\n'
        'printf "Filesystem 1024-blocks Used Available\\ndisk 9 9 $free 9%% /\\n"\n'
    )
    df.chmod(0o755)
    monkeypatch.setenv("PATH", f"{df.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", "/temporary")
    assert says.format(project=project) in one_line(quietly(project, said))


@pytest.mark.parametrize("command", ["prepare run", "tool package==1 command", "bench"])
def test_without_a_python_the_only_line_says_so(tmp_path: Path, command: str) -> None:
    shutil.copytree(SCRIPTS, tmp_path / "scripts")
    name, *arguments = command.split()
    done = subprocess.run(
        [tmp_path / "scripts" / name, *arguments],
        env=os.environ | {"PYTHON": "no-such-python"},
        capture_output=True,
        text=True,
        timeout=PROCESS,
    )
    assert done.returncode != 0
    assert done.stdout == ""
    assert re.fullmatch(r"Python 3\.11, .* set PYTHON to its path\n", done.stderr)


def test_an_environment_that_is_not_whole_is_made_anew(tmp_path: Path) -> None:
    project = tmp_path / "a project of 100 %"
    shutil.copytree(SCRIPTS, project / "scripts")
    quick = tmp_path / "python"  # to install pip too takes most of the time
    quick.write_text(
        f'#!/bin/sh\nif [ "$1" = -m ]; then shift 2; set -- -m venv --without-pip "$@"; fi\n'
        f'exec "{sys.executable}" "$@"\n'
    )
    quick.chmod(0o755)

    def make() -> bytes:
        done = subprocess.run(
            ["scripts/environment", ".venv"],
            cwd=project,
            env=os.environ | {"PYTHON": str(quick)},
            check=True,
            capture_output=True,
            timeout=PROCESS,
        )
        return done.stdout

    made_at, stray = project / ".venv/made-at", project / ".venv/stray"
    assert make()
    assert made_at.read_text() == f"{project}\n"
    for left in ("/elsewhere\n", None):
        stray.touch()
        if left is None:
            made_at.unlink()
        else:
            made_at.write_text(left)
        assert make()
        assert not stray.exists(), left
    stray.touch()
    assert (make(), stray.exists()) == (b"", True)


def test_a_step_that_succeeds_shows_no_log(tmp_path: Path) -> None:
    shutil.copytree(SCRIPTS, tmp_path / "scripts")
    done = quietly(tmp_path, "No space left on device", status=0)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"A step \.\.\. done in \d+ s\n", done.stdout)


@pytest.mark.parametrize("file", ["scripts/install-lock", "Dockerfile"])
def test_wherever_a_lock_is_installed_nothing_else_is(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    assert text.count("--require-hashes") == text.count("--no-deps --require-hashes") == 1
    assert " check" in text


def test_no_other_script_installs_a_lock() -> None:
    scripts = {s.name for s in SCRIPTS.iterdir() if "--requirement " in s.read_text("utf-8")}
    assert scripts == {"install-lock", "audit"}, "audit reads the lock and installs nothing"
