"""Output to files and terminals; a limit on file size stands in for a full disk."""

import os
import pty
import resource
import select
import sys
from pathlib import Path

from service.cli.output import count_progress, fit_progress, write_out
from tests.service.mailbox import add_readers
from tests.service.support import ROOT
from tests.support.waiting import BOUND

FIGURES = str(ROOT / "service/data/figures.csv")
BACKTEST = ("--first", "2025-06-01", "--last", "2025-06-08", "--models", "climatology")


def test_full_disk_leaves_no_partial_file(crossings, mailer, tmp_path, monkeypatch):
    add_readers(mailer, "a")
    folder = tmp_path / "out"
    folder.mkdir()
    backup, scores, paths = (f"{folder}/{n}" for n in ("x.zip", "scores.json", "paths.npz"))
    options = ["--data", FIGURES, "--paths", "10", "--horizon", "28"]
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    errors = []
    for largest, command in (
        (100_000, ["backup", backup]),
        (100, ["backtest", *options, *BACKTEST, "--out", scores]),
        (100, ["forecast", *options, "--model", "climatology", "--paths-out", paths]),
        (100, ["digest", "--week", "2026-W01", "--dry-run", "--out", str(folder)]),
    ):
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, limits[1]))
        try:
            done = crossings(*command, **mailer.settings.model_dump(exclude_defaults=True))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert done.returncode == 1
        errors += [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert errors[:3] == [
        f"Error: {backup} is not written: database: disk I/O error",
        f"Error: {scores}: File too large",
        f"Error: {paths}: File too large",
    ]
    assert errors[3].endswith("-light.png: File too large")
    assert not list(folder.iterdir())


def test_write_out_follows_links_and_writes_to_devices(tmp_path):
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("before")
    link.symlink_to(file)
    write_out(link, b"{}")
    assert link.is_symlink()
    assert file.read_bytes() == b"{}"
    write_out(Path(os.devnull), b"{}")
    assert Path(os.devnull).is_char_device()


def test_progress_bar_on_a_terminal(monkeypatch):
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with fit_progress(2) as step:
            for name in ("hurdle", "climatology", ""):
                step(name)
        with count_progress("hindcasts", 3) as done:
            done()
        terminal.flush()
        text = ""
        # A read returns what has arrived so far.
        while "1/3" not in text and select.select([reader], [], [], BOUND)[0]:
            text += os.read(reader, 100_000).decode()
    os.close(reader)
    assert "1/2  climatology" in text and "2/2" in text
    assert "hindcasts" in text and "1/3" in text
