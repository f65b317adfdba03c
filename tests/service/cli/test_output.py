"""A disk that is full: a limit of a file's size makes the write itself fail, as that does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.cli.output import write_out
from service.core.context import Context
from service.core.settings import Settings
from tests.service.mailbox import join
from tests.service.support import ROOT, as_environment, command
from tests.support.waiting import PROCESS

FIGURES = str(ROOT / "service/data/figures.csv")
DATES = ("--first", "2025-06-01", "--last", "2025-06-08", "--paths", "10", "--horizon", "3")


def limited(
    settings: Settings, most: int, *arguments: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the command in a process whose files may have so many bytes."""
    script = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from service.cli import main\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))\n"
        "main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=as_environment(settings) | {"PYTHONDONTWRITEBYTECODE": "1"} | more,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PROCESS,
    )


@pytest.mark.parametrize(
    ("most", "name", "arguments"),
    [
        (100_000, "backup.tar.gz", ("backup",)),
        (100, "scores.json", ("backtest", "--data", FIGURES, *DATES, "--out")),
        (100, "paths.npz", ("forecast", "--data", FIGURES, "--paths", "10", "--paths-out")),
    ],
)
def test_a_file_for_which_there_is_no_room(
    settings: Settings, tmp_path: Path, most: int, name: str, arguments: tuple[str, ...]
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    models = () if name == "backup.tar.gz" else ("--models", "climatology")
    if name == "paths.npz":
        models = ("--model", "climatology")
    first, *rest = arguments
    done = limited(settings, most, first, *models, *rest, str(folder / name))
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    reason = (
        " is not written: database: disk I/O error" if first == "backup" else ": File too large"
    )
    assert done.stderr.splitlines()[-1] == f"Error: {folder / name}{reason}"
    assert "Traceback" not in done.stderr
    assert not list(folder.iterdir()), "no part of it stays"


def test_a_digest_for_which_there_is_no_room(mailing: Context, tmp_path: Path) -> None:
    join(mailing, "a")
    folder = tmp_path / "look"
    week = ("--week", "2026-W01")
    done = limited(mailing.settings, 100, "digest", *week, "--dry-run", "--out", str(folder))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("-light.png: File too large")
    assert "Traceback" not in done.stderr
    assert not list(folder.iterdir())


def test_what_is_no_plain_file_is_written_to(settings: Settings, tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("before")
    link.symlink_to(file)
    write_out(link, b"{}")
    assert link.is_symlink()
    assert file.read_bytes() == b"{}"
    write_out(Path(os.devnull), b"{}")
    assert Path(os.devnull).is_char_device()
    arguments = ("--data", FIGURES, "--models", "climatology", *DATES)
    done = subprocess.run(
        command("backtest", *arguments, "--out", "/dev/stdout"),
        env=as_environment(settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("{\n")
