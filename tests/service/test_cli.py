"""The tutorial, done as it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from service.core.settings import Settings
from tests.service.support import ROOT, as_environment, serving
from tests.support.waiting import PROCESS

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
STEP = re.compile(r"```sh\n([^`]*)```\n```text\n([^`]*)```")


def shape(text: str) -> str:
    """What is printed, whatever its numbers: those are of one day and one set of paths."""
    return re.sub(r"\d[\d,]*\d(\.\d+)?|\d(\.\d+)?", "#", text.strip())


def test_every_step_of_the_tutorial_prints_what_it_shows(
    settings: Settings, tmp_path: Path
) -> None:
    crossings = tmp_path / "crossings"
    crossings.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m service.cli "$@"\n')
    crossings.chmod(0o755)
    steps = STEP.findall(TUTORIAL)
    assert len(steps) == TUTORIAL.count("```text") >= 6
    with serving(settings) as base:
        for step, shown in steps:
            script = step.replace("http://127.0.0.1:8000", base)
            done = subprocess.run(
                ["sh", "-ec", script.replace(".venv/bin/crossings", str(crossings))],
                env=as_environment(settings),
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=PROCESS,
            )
            assert shape(done.stdout) == shape(shown), f"{step}{done.stdout}{done.stderr}"


def test_another_shape_is_another_answer() -> None:
    assert shape("median,1,148\n298") == shape("median,0\n7")
    assert shape("median,1") != shape("mean,1")
