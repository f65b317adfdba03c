"""A disk that is full: a limit of a file's size makes the write itself fail, as that does."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from service.cli.output import counting, fitting, write_out
from service.core.context import Context
from service.core.settings import Settings
from tests.service.mailbox import join
from tests.service.support import ROOT, as_environment
from tests.support.waiting import BOUND, PROCESS

FIGURES = str(ROOT / "service/data/figures.csv")
BACKTEST = ("--first", "2025-06-01", "--last", "2025-06-08", "--models", "climatology")
SCRIPT = """
import json, resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from service.cli import main
for most, arguments in json.loads(sys.argv.pop()):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    sys.argv[1:] = arguments
    try:
        main()
    except SystemExit as end:
        print(end.code, flush=True)
"""


def limited(settings: Settings, *commands: tuple[int, list[str]]) -> tuple[list[str], list[str]]:
    """Run commands in one process, with so many bytes for its files; their ends, and errors."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(commands)],
        env=as_environment(settings) | {"PYTHONDONTWRITEBYTECODE": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=PROCESS,
    )
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    return done.stdout.splitlines(), errors


def test_a_file_for_which_there_is_no_room(mailing: Context, tmp_path: Path) -> None:
    join(mailing, "a")
    folder = tmp_path / "out"
    folder.mkdir()
    backup, scores, paths = (f"{folder}/{n}" for n in ("x.tar.gz", "scores.json", "paths.npz"))
    draw = ["--data", FIGURES, "--paths", "10", "--horizon", "28"]
    ends, errors = limited(
        mailing.settings,
        (100_000, ["backup", backup]),
        (100, ["backtest", *draw, *BACKTEST, "--out", scores]),
        (100, ["forecast", *draw, "--model", "climatology", "--paths-out", paths]),
        (100, ["digest", "--week", "2026-W01", "--dry-run", "--out", str(folder)]),
    )
    assert ends == ["1"] * 4
    assert errors[:3] == [
        f"Error: {backup} is not written: database: disk I/O error",
        f"Error: {scores}: File too large",
        f"Error: {paths}: File too large",
    ]
    assert errors[3].endswith("-light.png: File too large")
    assert not list(folder.iterdir()), "no part of it stays"


def test_what_is_no_plain_file_is_written_to(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("before")
    link.symlink_to(file)
    write_out(link, b"{}")
    assert link.is_symlink()
    assert file.read_bytes() == b"{}"
    write_out(Path(os.devnull), b"{}")
    assert Path(os.devnull).is_char_device()


def test_a_bar_shows_on_a_terminal_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with fitting(2) as step:
            for name in ("hurdle", "climatology", ""):
                step(name)
        with counting("hindcasts", 3) as done:
            done()
        terminal.flush()
        shown = ""
        # A terminal hands over what it has so far.
        while "1/3" not in shown and select.select([ours], [], [], BOUND)[0]:
            shown += os.read(ours, 100_000).decode()
    os.close(ours)
    assert "1/2  climatology" in shown and "2/2" in shown
    assert "hindcasts" in shown and "1/3" in shown
