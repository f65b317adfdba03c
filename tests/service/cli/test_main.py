from __future__ import annotations

import importlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from service.core.settings import Settings
from tests.service.support import ROOT, Crossings, as_environment, command, environment
from tests.support.waiting import PROCESS

# The package offers the function of the same name.
main = importlib.import_module("service.cli.main")
COMMANDS = ("run", "ingest", "refit", "serve", "scheduler", "status", "forecast", "backtest")


def test_help_lists_every_command(crossings: Crossings) -> None:
    done = crossings("--help")
    assert done.returncode == 0
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_an_example(crossings: Crossings, name: str) -> None:
    done = crossings(name, "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout
    assert f"crossings {name}" in done.stdout


def test_the_version(crossings: Crossings) -> None:
    assert crossings("--version").stdout.startswith("crossings, version ")


def test_settings_that_do_not_hold_are_status_2(crossings: Crossings) -> None:
    done = crossings("status", port="x")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: CROSSINGS_PORT: ")
    assert len(done.stderr.splitlines()) == 1
    done = crossings("status", database_url="sqlite://")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: CROSSINGS_DATABASE_URL: expected the URL of a file for ")
    assert len(done.stderr.splitlines()) == 1


FORECAST = ("forecast", "--data", str(ROOT / "service" / "data" / "figures.csv"), "--paths", "10")
CSV = (*FORECAST, "--model", "climatology", "--horizon", "1", "--format", "csv")
PRINTED = (("config",), ("config", "--format", "json"), ("--help",), CSV)


def printed_to(output: IO[bytes] | int, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        env=environment() | {"PYTHONUNBUFFERED": ""},  # some machines set it
        cwd=ROOT,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=PROCESS,
    )


@pytest.mark.parametrize("arguments", PRINTED)
def test_a_reader_that_has_seen_enough(arguments: tuple[str, ...]) -> None:
    """As `head` does, once it has its lines."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = printed_to(writing, *arguments)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", PRINTED)
def test_no_room_for_what_is_printed(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = printed_to(full, *arguments)
    assert done.returncode == 1
    assert done.stderr == "Error: no room to write: No space left on device\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("arguments", ["keys list", "subscribers import -"])
def test_a_closed_stream_is_as_nowhere(arguments: str, closed: str, tmp_path: Path) -> None:
    run = f"{' '.join(command())} {arguments} {closed}"
    done = subprocess.run(
        ["sh", "-c", run],
        env=environment(var_dir=tmp_path, log_level="ERROR"),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PROCESS,
    )
    is_refused = arguments.endswith("-")  # an empty list has no header
    assert done.returncode == (2 if is_refused else 0), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "near"),
    [(["statsu"], "'status'"), (["keys", "creat"], "'create'"), (["subscribers", "lst"], "'list'")],
)
def test_a_mistyped_command_suggests_the_right_one(
    crossings: Crossings, arguments: list[str], near: str
) -> None:
    done = crossings(*arguments)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last == f"Error: No such command '{arguments[-1]}'. Did you mean {near}?"
    assert "Did you mean" not in crossings("xyzzy").stderr


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8", "cp437"])
def test_what_is_printed_suits_any_terminal(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = str(ROOT / "service" / "data" / "figures.csv")
    arguments = ("--data", figures, "--model", "climatology", "--horizon", "1", "--paths", "10")
    monkeypatch.setattr(sys, "argv", ["crossings", "forecast", *arguments])
    out = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", out)
    with pytest.raises(SystemExit) as ended:
        main.main()
    out.flush()
    shown = out.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert ended.value.code == 0
    assert re.search("0–[0-9]+" if encoding == "utf-8" else "0-[0-9]+", shown), shown
    assert "?" not in shown


def test_the_shell_completes_commands() -> None:
    """As the README says; the shell asks with the words that are there."""
    script = (
        "import sys\nfrom service.cli import main\nsys.argv[:] = ['/usr/bin/crossings']\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment()
        | {"_CROSSINGS_COMPLETE": "bash_complete", "COMP_CWORD": "1", "COMP_WORDS": "crossings fo"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PROCESS,
    )
    assert done.stdout == "plain,forecast\n"
    assert 'eval "$(_CROSSINGS_COMPLETE=bash_source crossings)"' in (ROOT / "README.md").read_text()


WALK = """
import contextlib, io, json, sys
import click
from service.cli.main import group

def walk(command, words):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        group.main([*words, "--help"], "crossings", standalone_mode=False)
    packages = sorted({name.partition(".")[0] for name in sys.modules})
    print(json.dumps([words, said.getvalue(), packages]))
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


def test_the_help_of_no_command_loads_a_library() -> None:
    """They take seconds to import, and no help needs them: what runs a command imports them."""
    done = subprocess.run(
        [sys.executable, "-c", WALK],
        cwd=ROOT,
        env=environment(port="x"),
        capture_output=True,
        text=True,
        timeout=PROCESS,
    )
    assert done.returncode == 0, done.stderr
    helps = [json.loads(line) for line in done.stdout.splitlines()]
    assert {tuple(words) for words, _, _ in helps} >= {
        (),
        ("keys", "create"),
        *zip(main.group.commands),
    }
    for words, text, packages in helps:
        assert text.startswith(" ".join(["Usage: crossings", *words])), words
        assert "..." not in text.replace("[ARGS]...", ""), f"the help of {words} is cut"
        assert "click" in packages
        assert not (loaded := sorted(HEAVY & set(packages))), f"{words} loads {loaded}"


def test_a_look_at_the_service_loads_no_fitting_library(settings: Settings) -> None:
    script = (
        "import sys\nfrom service.cli.main import group\n"
        "for name in ('status', 'doctor'):\n    group.main([name], standalone_mode=False)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=as_environment(settings),
        capture_output=True,
        text=True,
        timeout=PROCESS,
    )
    assert done.stdout.count("calibrated_pool") >= 2, done.stderr
    packages = set(done.stdout.splitlines()[-1].split())
    assert "sqlalchemy" in packages
    assert not packages & {"cmdstanpy", "matplotlib", "pandas", "prophet", "scipy", "statsmodels"}
