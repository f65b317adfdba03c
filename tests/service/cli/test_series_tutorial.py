"""Every step of docs/your-own-series.md."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

from service.core.settings import Settings
from tests.service.support import ROOT, as_environment, run_server
from tests.service.test_cli import STEP, shape, write_command
from tests.support.waiting import PROCESS

DOCUMENT = (ROOT / "docs" / "your-own-series.md").read_text("utf-8")


def declare_quick_pool(folder: Path) -> Path:
    """Copy the declared models, but pool only the member that is quick to fit."""
    shutil.copytree(ROOT / "models", folder, ignore=shutil.ignore_patterns("fitted"))
    pool = folder / "pool.toml"
    lines = pool.read_text("utf-8").splitlines(keepends=True)
    pool.write_text("".join(line for line in lines if not line.startswith("level_hurdle")), "utf-8")
    return folder


def test_tutorial_steps_print_the_documented_output(tmp_path: Path) -> None:
    crossings = write_command(tmp_path)
    folder = tmp_path / "mine"
    folder.mkdir()
    declaration = re.search(r"```toml\n([^`]*)```", DOCUMENT)
    assert declaration
    (folder / "strait.toml").write_text(declaration[1])
    folders = {"series_dir": folder, "var_dir": folder / "var", "fitted_dir": folder / "fitted"}
    models = declare_quick_pool(tmp_path / "models")
    settings = Settings(**folders, models_dir=models, paths=200, fit_seconds=0)
    steps = STEP.findall(DOCUMENT)
    assert len(steps) == DOCUMENT.count("```text") == 5

    def run_step(step: str, expected: str, base: str = "") -> None:
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
        output = re.sub(r" +\n", "\n", done.stdout)
        assert shape(output) == shape(expected), f"{step}{done.stdout}{done.stderr}"

    for step, expected in steps[:3]:
        run_step(step, expected)
    with run_server(settings) as base:
        for step, expected in steps[3:]:
            run_step(step, expected, base)
