"""Every step of docs/tutorial.md."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from service.core.settings import Settings
from tests.service.support import ROOT, as_environment, run_server
from tests.support.waiting import PROCESS

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
STEP = re.compile(r"```sh\n([^`]*)```\n```text\n([^`]*)```")


def shape(text: str) -> str:
    """The text without its numbers, which depend on the day and the paths; dates do not."""
    number = r"(\d{4}-\d\d-\d\d)|\d([\d,]*\d)?(\.\d+)?"
    return re.sub(number, lambda found: found[1] or "#", text.strip())


def write_command(folder: Path) -> Path:
    """Write the command ``crossings`` of this checkout to `folder`."""
    file = folder / "crossings"
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m service.cli "$@"\n')
    file.chmod(0o755)
    return file


def test_tutorial_steps_print_the_documented_output(settings: Settings, tmp_path: Path) -> None:
    crossings = write_command(tmp_path)
    steps = STEP.findall(TUTORIAL)
    assert len(steps) == TUTORIAL.count("```text") >= 6
    with run_server(settings) as base:
        for step, expected in steps:
            script = step.replace("http://127.0.0.1:8000", base)
            done = subprocess.run(
                ["sh", "-ec", script.replace(".venv/bin/crossings", str(crossings))],
                env=as_environment(settings),
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=PROCESS,
            )
            assert shape(done.stdout) == shape(expected), f"{step}{done.stdout}{done.stderr}"


def test_shape_ignores_numbers_other_than_dates() -> None:
    assert shape("median,1,148\n298") == shape("median,0\n7")
    assert shape("median,1") != shape("mean,1")
    assert shape("2026-01-01,0.5") == shape("2026-01-01,12") != shape("2026-11-30,12")
