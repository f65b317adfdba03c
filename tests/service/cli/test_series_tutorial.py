"""The document on a series of one's own, done as it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from service.core.settings import Settings
from tests.service.support import ROOT, as_environment, serving
from tests.service.test_cli import STEP, shape
from tests.support.waiting import PROCESS

DOCUMENT = (ROOT / "docs" / "your-own-series.md").read_text("utf-8")


def test_every_step_prints_what_it_shows(tmp_path: Path) -> None:
    crossings = tmp_path / "crossings"
    crossings.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m service.cli "$@"\n')
    crossings.chmod(0o755)
    mine = tmp_path / "mine"
    mine.mkdir()
    declaration = re.search(r"```toml\n([^`]*)```", DOCUMENT)
    assert declaration
    (mine / "strait.toml").write_text(declaration[1])
    own = {"series_dir": mine, "var_dir": mine / "var", "fitted_dir": mine / "fitted"}
    settings = Settings(**own, paths=200, fit_seconds=0)
    steps = STEP.findall(DOCUMENT)
    assert len(steps) == DOCUMENT.count("```text") == 5

    def do(step: str, shown: str, base: str = "") -> None:
        script = step.replace(".venv/bin/crossings", shlex.quote(str(crossings)))
        script = script.replace("service/data", shlex.quote(str(ROOT / "service" / "data")))
        done = subprocess.run(
            ["sh", "-ec", script.replace("http://127.0.0.1:8000", base)],
            env=as_environment(settings) | {"CROSSINGS_SOURCE": "declared"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PROCESS,
        )
        said = re.sub(r" +\n", "\n", done.stdout)
        assert shape(said) == shape(shown), f"{step}{done.stdout}{done.stderr}"

    for step, shown in steps[:3]:
        do(step, shown)
    with serving(settings) as base:
        for step, shown in steps[3:]:
            do(step, shown, base)
