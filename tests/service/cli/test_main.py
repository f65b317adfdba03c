import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.cli import main
from service.cli.main import group
from service.core.context import open_context
from service.core.settings import Settings
from tests.service.support import ROOT, as_environment, command, environment
from tests.support.commands import run_command

COMMANDS = ("run", "ingest", "refit", "serve", "scheduler", "status", "forecast", "backtest")


def test_version_needs_no_valid_settings(crossings):
    assert crossings("--version", port="x").stdout.startswith("crossings, version ")
    done = crossings("status", database_url="mysql://h/x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: CROSSINGS_DATABASE_URL: expected a URL such as ")
    assert len(done.stderr.splitlines()) == 1


FORECAST = ("forecast", "--data", str(ROOT / "service" / "data" / "figures.csv"), "--paths", "10")
FORECAST_CSV = (*FORECAST, "--model", "climatology", "--horizon", "1", "--format", "csv")


def run_with_stdout(stdout, *arguments, **settings):
    streams = {"capture_output": False, "stdout": stdout, "stderr": subprocess.PIPE}
    env = environment(**settings) | {"PYTHONUNBUFFERED": ""}  # some machines set it
    return run_command(*command(*arguments), env=env, **streams)


@pytest.mark.parametrize("arguments", [("config",), FORECAST_CSV])
def test_closed_pipe_ends_quietly(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run_with_stdout(writing, *arguments)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk_behind_stdout_is_reported():
    with Path("/dev/full").open("wb") as full:
        done = run_with_stdout(full, "config")
    assert done.returncode == 1
    assert done.stderr == "Error: no room to write: No space left on device\n"


@pytest.mark.parametrize(
    ("arguments", "closed", "status"),
    [
        ("keys list", "<&- >&- 2>&-", 0),
        ("subscribers import -", "<&-", 2),  # an empty list has no header
    ],
)
def test_closed_standard_streams_are_tolerated(arguments, closed, status, tmp_path):
    open_context(Settings(var_dir=tmp_path)).database.close()
    script = f"{' '.join(command())} {arguments} {closed}"
    done = run_command("sh", "-c", script, env=environment(var_dir=tmp_path, log_level="ERROR"))
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr


def test_mistyped_command_suggests_the_right_one(crossings):
    done = crossings("keys", "creat")
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last == "Error: No such command 'creat'. Did you mean 'create'?"


def test_characters_that_the_encoding_lacks_are_replaced(monkeypatch):
    monkeypatch.setenv("CROSSINGS_CONTACT", "Café")
    monkeypatch.setattr(sys, "argv", ["crossings", "config"])
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", out)
    with pytest.raises(SystemExit) as caught:
        main()
    out.flush()
    assert caught.value.code == 0
    assert b" Caf? " in out.buffer.getvalue()


def test_shell_completion():
    script = (
        "import sys\nfrom service.cli import main\nsys.argv[:] = ['/usr/bin/crossings']\nmain()"
    )
    env = {"_CROSSINGS_COMPLETE": "bash_complete", "COMP_CWORD": "1"}
    env["COMP_WORDS"] = "crossings fo"
    done = run_command(sys.executable, "-c", script, env=environment() | env)
    assert done.stdout == "plain,forecast\n"
    assert 'eval "$(_CROSSINGS_COMPLETE=bash_source crossings)"' in (ROOT / "README.md").read_text()


PRINT_HELP = """
import contextlib, io, json, sys
import click
from service.cli.main import group

def walk(command, words):
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        group.main([*words, "--help"], "crossings", standalone_mode=False)
    packages = sorted({name.partition(".")[0] for name in sys.modules})
    print(json.dumps([words, text.getvalue(), packages]))
    if isinstance(command, click.Group):
        for name in command.list_commands(None):
            walk(command.get_command(None, name), [*words, name])

walk(group, [])
"""
HEAVY = {
    *("alembic", "apiflask", "apscheduler", "cmdstanpy", "flask", "forecast", "granian", "httpx"),
    *("jinja2", "matplotlib", "numpy", "pandas", "prophet", "pydantic", "pydantic_settings"),
    *("rich", "scipy", "sklearn", "sqlalchemy", "statsmodels"),
}


def test_help_is_complete_and_imports_no_heavy_packages():
    done = run_command(sys.executable, "-c", PRINT_HELP, env=environment(port="x"))
    assert done.returncode == 0, done.stderr
    helps = [json.loads(line) for line in done.stdout.splitlines()]
    texts = {" ".join(words): text for words, text, _ in helps}
    assert set(texts) >= {"", "keys create", *group.commands}
    for name in COMMANDS:
        assert f"\n  {name} " in texts[""]
        assert f"crossings {name}" in texts[name].partition("Example")[2]
    for words, text, packages in helps:
        assert text.startswith(" ".join(["Usage: crossings", *words])), words
        assert "..." not in text.replace("[ARGS]...", ""), f"the help of {words} is truncated"
        assert "click" in packages
        assert not (heavy := sorted(HEAVY & set(packages))), f"{words} imports {heavy}"


def test_status_and_doctor_do_not_import_fitting_packages(settings):
    script = (
        "import sys\nfrom service.cli.main import group\n"
        "for name in ('status', 'doctor'):\n    group.main([name], standalone_mode=False)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = run_command(sys.executable, "-c", script, env=as_environment(settings))
    assert done.stdout.count("calibrated_pool") >= 2, done.stderr
    packages = set(done.stdout.splitlines()[-1].split())
    assert "sqlalchemy" in packages
    assert not packages & {"cmdstanpy", "matplotlib", "pandas", "prophet", "scipy", "statsmodels"}
