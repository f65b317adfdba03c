"""Set-up scripts: they install the lock unchanged and report a failure in one line.

The packages are wheels made here, so that the installer is real but needs no index.
"""

import hashlib
import os
import re
import shutil
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.support.commands import run_command

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"


def build_wheel(folder, name, version, *metadata):
    """Build a wheel with one module; return its line of a lock."""
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
def environment(tmp_path_factory):
    """A virtual environment with a copy of the pip of ours, as installing it takes long."""
    folder = tmp_path_factory.mktemp("environment") / ".venv"
    run_command(sys.executable, "-m", "venv", "--without-pip", folder, check=True)
    (packages,) = folder.glob("lib/*/site-packages")
    for part in Path(sysconfig.get_path("purelib")).glob("pip*"):
        shutil.copytree(part, packages / part.name)
    return folder


@pytest.fixture
def bare_project(tmp_path):
    """A folder with the scripts and no environment."""
    folder = tmp_path / "a project of 100 %"
    shutil.copytree(SCRIPTS, folder / "scripts")
    return folder


@pytest.fixture
def project(bare_project, environment):
    """The same with a copy of the environment."""
    shutil.copytree(environment, bare_project / ".venv", symlinks=True, copy_function=os.link)
    return bare_project


def install(project, lock, **environment):
    (project / "lock.txt").write_text(lock, "utf-8")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    env = inherited | {"PIP_CONFIG_FILE": os.devnull} | environment
    script = ("scripts/install-lock", ".venv/bin/python", "lock.txt", "the lock")
    return run_command(*script, cwd=project, env=env)


def read_version(project, name):
    program = f"import {name}; print({name}.version)"
    return run_command(project / ".venv/bin/python", "-c", program, check=True).stdout.strip()


@pytest.fixture
def wheels(tmp_path):
    folder = tmp_path / "wheels"
    folder.mkdir()
    return folder


def test_locked_version_is_installed_despite_newer_release(project, wheels):
    """One package requires another with an extra."""
    extra = ("Provides-Extra: email", "Requires-Dist: validator>=1 ; extra == 'email'")
    lock = (
        build_wheel(wheels, "framework", "1.0", "Requires-Dist: models[email]>=1.0")
        + build_wheel(wheels, "models", "1.0", *extra)
        + build_wheel(wheels, "validator", "1.0")
    )
    build_wheel(wheels, "models", "1.1", *extra, "Requires-Dist: another")
    build_wheel(wheels, "validator", "2.0")
    done = install(project, lock, PIP_NO_INDEX="1", PIP_FIND_LINKS=wheels.as_uri())
    assert done.returncode == 0, done.stderr
    assert read_version(project, "models") == read_version(project, "validator") == "1.0"


def test_incomplete_lock_is_rejected(project, wheels):
    lock = build_wheel(wheels, "framework", "1.0", "Requires-Dist: models>=1.0")
    done = install(project, lock, PIP_NO_INDEX="1", PIP_FIND_LINKS=wheels.as_uri())
    assert done.returncode != 0
    assert "framework 1.0 requires models" in done.stderr


def test_package_with_another_hash_is_rejected(project, wheels):
    lock = build_wheel(wheels, "models", "1.0")
    build_wheel(wheels, "models", "1.0", "Summary: not the same")
    done = install(project, lock, PIP_NO_INDEX="1", PIP_FIND_LINKS=wheels.as_uri())
    assert "is not the one that the lock names" in read_error(done)


def read_error(done):
    """Check that a failure is one line that names the log; return it."""
    assert done.returncode != 0
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert re.search(r"Log: (\S+)$", lines[0])
    return lines[0]


@pytest.mark.parametrize(
    "variables",
    [
        {"PIP_INDEX_URL": "http://127.0.0.1:9/simple"},
        {"PIP_INDEX_URL": "https://packages.invalid/simple", "PIP_PROXY": "http://127.0.0.1:9"},
    ],
)
def test_unreachable_index_is_logged_and_reported_in_one_line(project, wheels, variables):
    lock = build_wheel(wheels, "models", "1.0")
    done = install(project, lock, PIP_RETRIES="1", **variables)
    assert "failed: the package index was not reached; check the network, " in read_error(done)
    assert (project / "var/logs/installing-the-lock.log").stat().st_size > 0


def run_quietly(project, output, status=1):
    """Run a command with `output` and `status` under `scripts/quietly`."""
    script = f'printf "%s\\n" "line 1" "$0" >&2; exit {status}'
    return run_command("scripts/quietly", "A step", "sh", "-c", script, output, cwd=project)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("OSError: [Errno 28] No space left on device", "no space left on the disk"),
        ("ERROR: No matching distribution found for numpy==9", "for numpy==9: the index lacks it"),
        ("PermissionError: [Errno 13] Permission denied: '.venv'", "may not be written"),
        ("SSLError: certificate verify failed", "no certificate that pip trusts"),
        ("No module named 'ensurepip'", "the venv module is missing"),
        ("(from versions: none)", "the package index was not reached, or lacks"),
        ("ERROR: something else", "ERROR: something else"),
        ("", "it ended with status 1"),
    ],
)
def test_failure_is_explained_in_one_line(bare_project, output, message):
    assert message in read_error(run_quietly(bare_project, output))
    assert output in (bare_project / "var/logs/a-step.log").read_text("utf-8")


@pytest.mark.parametrize(
    ("output", "full", "message"),
    [
        ("NewConnectionError", ".", "the package index was not reached"),
        ("", ".", "no space left on the disk of {project};"),
        ("", "/temporary", "no space left on the disk of /temporary;"),
        ("No space left on device", "/temporary", "no space left on the disk of /temporary;"),
    ],
)
def test_full_disk_is_reported_unless_another_cause_is_known(
    bare_project, tmp_path, monkeypatch, output, full, message
):
    full = str(bare_project) if full == "." else full
    df = tmp_path / "bin/df"
    df.parent.mkdir()
    df.write_text(
        f'#!/bin/sh\n[ "$2" = "{full}" ] && free=40000 || free=9000000\n'
        'printf "Filesystem 1024-blocks Used Available\\ndisk 9 9 $free 9%% /\\n"\n'
    )
    df.chmod(0o755)
    monkeypatch.setenv("PATH", f"{df.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", "/temporary")
    expected = message.format(project=bare_project)
    assert expected in read_error(run_quietly(bare_project, output))


@pytest.mark.parametrize("command", ["prepare run", "tool package==1 command", "bench"])
def test_missing_python_is_reported_in_one_line(bare_project, command):
    env = os.environ | {"PYTHON": "no-such-python"}
    name, *arguments = command.split()
    done = run_command(bare_project / "scripts" / name, *arguments, env=env)
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert re.fullmatch(r"Python 3\.11, .* set PYTHON to its path\n", done.stderr)


def test_incomplete_or_moved_environment_is_recreated(bare_project, tmp_path):
    python = tmp_path / "python"  # without pip, whose installation is slow
    python.write_text(
        f'#!/bin/sh\nif [ "$1" = -m ]; then shift 2; set -- -m venv --without-pip "$@"; fi\n'
        f'exec "{sys.executable}" "$@"\n'
    )
    python.chmod(0o755)
    options = {"cwd": bare_project, "env": os.environ | {"PYTHON": str(python)}, "check": True}

    def create():
        return run_command("scripts/environment", ".venv", **options).stdout

    path_file, stray = bare_project / ".venv/made-at", bare_project / ".venv/stray"
    assert create()
    assert path_file.read_text() == f"{bare_project}\n"
    for damage in (lambda: path_file.write_text("/elsewhere\n"), path_file.unlink):
        stray.touch()
        damage()
        assert create()
        assert not stray.exists()
    stray.touch()
    assert (create(), stray.exists()) == ("", True)


def test_output_of_a_successful_step_is_hidden(bare_project):
    done = run_quietly(bare_project, "No space left on device", status=0)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"A step \.\.\. done in \d+ s\n", done.stdout)


STEPS = {
    "scripts/browser": "touch began; until [ -e ready ]; do sleep 0.1; done; echo B",
    "scripts/grafana": "touch programs; echo G; exit 1",
    "scripts/environment": "until [ -e began ]; do sleep 0.1; done; touch ready",
    ".venv/bin/ruff": "true",
    ".venv/bin/mypy": "exit ${LINT:-0}",
    ".venv/bin/hadolint": "true",
    ".venv/bin/python": '[ -e programs ] && echo "tested$PYTHONDONTWRITEBYTECODE"',
}


@pytest.mark.parametrize("status", [0, 3])
def test_other_programs_are_installed_beside_the_packages(bare_project, status):
    """Tests start after both, without what could not be installed; lint can fail beside them."""
    shutil.copy(ROOT / "Makefile", bare_project)
    (bare_project / ".venv/bin").mkdir(parents=True)
    for name in ("requirements-dev.txt", "pyproject.toml"):  # installed already
        for folder in (bare_project, bare_project / ".venv"):
            (folder / name).touch()
    for name, step in STEPS.items():
        (bare_project / name).write_text(f"#!/bin/sh\n{step}\n")
        (bare_project / name).chmod(0o755)
    env = os.environ | {"LINT": str(status), "PYTHONDONTWRITEBYTECODE": "1"}
    done = run_command("make", "test", cwd=bare_project, env=env)
    assert done.stdout == "B\nG\ntested\n"
    assert (done.returncode == 0) == (status == 0), done.stderr


@pytest.mark.parametrize("file", ["scripts/install-lock", "Dockerfile"])
def test_lock_is_installed_with_hashes_and_without_dependencies(file):
    text = (ROOT / file).read_text("utf-8")
    assert text.count("--require-hashes") == text.count("--no-deps --require-hashes") == 1
    assert " check" in text


def test_one_script_installs_a_lock():
    scripts = {s.name for s in SCRIPTS.iterdir() if "--requirement " in s.read_text("utf-8")}
    assert scripts == {"install-lock", "audit"}, "audit only reads the lock"
