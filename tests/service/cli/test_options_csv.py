"""CSV as spreadsheets write it, given to each command that reads CSV."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import subprocess
from pathlib import Path

import pytest

from tests.service.support import ROOT, Crossings, command, environment
from tests.support.waiting import PROCESS

FIGURES = ROOT / "service" / "data" / "figures.csv"
FORECAST = ("forecast", "--model", "climatology", "--paths", "50", "--horizon", "2")
BACKTEST = ("backtest", "--models", "climatology", "--paths", "50", "--horizon", "2")
DAYS = ("--first", "2025-12-01", "--last", "2025-12-02")


def as_spreadsheet_csv(lines: list[str]) -> str:
    """The figures with British dates, semicolons, decimals, a note, and the newest first."""
    rows = []
    for line in lines[1:]:
        day, people, boats = line.split(",")
        rows.append(f"{dt.date.fromisoformat(day):%d/%m/%Y};{people}.0;{boats};café")
    return "\n".join(["Date;People;Boats;Note", *reversed(rows), "", ""])


def test_spreadsheet_csv_gives_the_same_forecast(crossings: Crossings) -> None:
    content = gzip.compress(as_spreadsheet_csv(FIGURES.read_text().splitlines()).encode("l1"))
    plain = crossings(*FORECAST, "--format", "json", "--data", str(FIGURES))
    piped = subprocess.run(
        command(
            *(*FORECAST, "--format", "json", "--data", "-"),
            *("--series", "PEOPLE", "--encoding", "latin-1", "--dayfirst"),
        ),
        input=content,
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=PROCESS,
    )
    assert json.loads(piped.stdout) == json.loads(plain.stdout)
    assert plain.stderr == ""
    (note,) = piped.stderr.decode().splitlines()
    assert note.startswith("standard input is read with ';' between columns, ")


@pytest.mark.parametrize(
    "arguments",
    [
        (*FORECAST, "--data"),
        (*BACKTEST, *DAYS, "--data"),
        ("ingest", "--source", "csv", "--dry-run"),
    ],
)
def test_commands_read_spreadsheet_csv_with_dayfirst(
    crossings: Crossings, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    file = tmp_path / "Jan.csv"
    file.write_text(as_spreadsheet_csv(FIGURES.read_text().splitlines()))
    done = crossings(*arguments, str(file), "--dayfirst")
    assert done.returncode == 0, done.stderr
    assert f"{file} is read with ';' between columns" in done.stderr
    without_option = crossings(*arguments, str(file))
    assert without_option.returncode == 2
    line = without_option.stderr.splitlines()[-1]
    assert line.startswith(f"Error: {file}, row 2, column date: expected a date such as ")
    assert "--dayfirst" in line
