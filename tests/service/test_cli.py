"""Every step of docs/tutorial.md and docs/your-own-series.md prints what is written there."""

import re
import shlex
import shutil
import sys

from service.core.settings import Settings
from tests.service.support import ROOT, as_environment, date_issues_as_now, run_server
from tests.support.commands import run_command

STEP = re.compile(r"```sh\n([^`]*)```\n```text\n([^`]*)```")


def read_steps(name):
    text = (ROOT / "docs" / name).read_text("utf-8")
    steps = STEP.findall(text)
    assert len(steps) == text.count("```text") >= 5
    return steps


def shape(text):
    """The text without its numbers, which depend on the day and the paths; dates do not."""
    number = r"(\d{4}-\d\d-\d\d)|\d([\d,]*\d)?(\.\d+)?"
    return re.sub(number, lambda found: found[1] or "#", re.sub(" +\n", "\n", text).strip())


def run_step(folder, settings, step, expected, base=""):
    """Run a step with the command of this checkout, in `folder`, which is like the project's."""
    crossings = folder / "crossings"
    crossings.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m service.cli "$@"\n')
    crossings.chmod(0o755)
    script = step.replace("http://127.0.0.1:8000", base)
    script = script.replace(".venv/bin/crossings", shlex.quote(str(crossings)))
    script = script.replace("service/data", shlex.quote(f"{ROOT}/service/data"))
    env = as_environment(settings) | {"CROSSINGS_SOURCE": settings.source}
    done = run_command("sh", "-ec", script, env=env, cwd=folder)
    assert shape(done.stdout) == shape(expected), f"{step}{done.stdout}{done.stderr}"


def test_tutorial(settings, tmp_path):
    date_issues_as_now(settings)
    with run_server(settings) as base:
        for step, expected in read_steps("tutorial.md"):
            run_step(tmp_path, settings, step, expected, base)


def declare_quick_champion(folder):
    """Copy the declared models, but let the champion be quick to fit."""
    shutil.copytree(ROOT / "models", folder, ignore=shutil.ignore_patterns("fitted"))
    (folder / "calibrated_pool.toml").write_text('family = "level_hurdle"\nrole = "champion"\n')
    return folder


def test_tutorial_of_your_own_series(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    text = (ROOT / "docs" / "your-own-series.md").read_text("utf-8")
    declaration = re.search(r"```toml\n([^`]*)```", text)
    assert declaration
    (folder / "strait.toml").write_text(declaration[1])
    folders = {"series_dir": folder, "var_dir": folder / "var", "fitted_dir": folder / "fitted"}
    models = declare_quick_champion(tmp_path / "models")
    settings = Settings(**folders, models_dir=models, paths=200, fit_seconds=0, source="declared")
    steps = read_steps("your-own-series.md")
    for step, expected in steps[:3]:
        run_step(tmp_path, settings, step, expected)
    with run_server(settings) as base:
        for step, expected in steps[3:]:
            run_step(tmp_path, settings, step, expected, base)
