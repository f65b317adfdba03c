from __future__ import annotations

import datetime as dt
import gzip
import json
import logging
import re

import click
import pytest
from click.testing import CliRunner

from service.cli.options import pass_settings, run_each_route
from service.core.context import open_context
from service.core.files import RegistryError
from service.core.job_runner import JobError
from service.core.settings import Settings, SettingsError
from tests.service.support import ROOT, command, environment
from tests.support.commands import run_command


@click.command()
@click.option("--exclaim", is_flag=True)
@pass_settings
def port(settings, exclaim):
    """Print the port."""
    click.echo(
        f"{settings.port}{'!' if exclaim else ''} {logging.getLevelName(logging.root.level)}"
    )


def test_pass_settings_configures_logging(monkeypatch):
    monkeypatch.setenv("CROSSINGS_PORT", "8123")
    monkeypatch.setenv("CROSSINGS_LOG_LEVEL", "ERROR")
    assert CliRunner().invoke(port, ["--exclaim"]).output == "8123! ERROR\n"


def test_invalid_settings_stop_a_command_but_not_its_help(monkeypatch):
    monkeypatch.setenv("CROSSINGS_PORT", "x")
    assert "Print the port." in CliRunner().invoke(port, ["--help"]).output
    result = CliRunner().invoke(port, [])
    assert isinstance(result.exception, SettingsError)
    assert result.output == ""


@pytest.mark.parametrize("error", [JobError, RegistryError, click.UsageError])
def test_failure_of_a_route_is_raised_after_the_others(tmp_path, error):
    context, done = open_context(Settings(var_dir=tmp_path, routes="channel,italy")), list[str]()

    def work(one):
        if one.route.name == "channel":
            raise error("broken")
        done.append(one.route.name)
        return ""

    with pytest.raises(JobError, match="^channel: broken$"):
        run_each_route(context, work)
    context.database.close()
    assert done == ["italy"]


def test_unreachable_cluster_is_reported_once_for_all_routes(monkeypatch, tmp_path):
    pytest.importorskip("distributed")
    monkeypatch.setattr("service.issues.cluster._SECONDS_TO_CONNECT", 1)
    settings = Settings(var_dir=tmp_path, routes="channel,italy", dask="tcp://127.0.0.1:1")
    context, fitted = open_context(settings), list[str]()
    with pytest.raises(JobError, match=r"^tcp://127.0.0.1:1: expected a Dask scheduler"):
        run_each_route(context, lambda one: fitted.append(one.route.name) or "", in_parallel=True)
    context.database.close()
    assert not fitted


@pytest.mark.parametrize(
    "arguments",
    [
        *(["status"], ["status", "--check"], ["keys", "list"], ["keys", "revoke", "planner"]),
        *(["subscribers", "list"], ["subscribers", "remove", "a@example.org"], ["prune"]),
    ],
    ids=" ".join,
)
def test_reading_or_deleting_creates_no_database(crossings, tmp_path, arguments):
    done = crossings(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: [^\n]*crossings\.sqlite: no database to \w+\n", done.stderr)
    assert not (tmp_path / "var").exists()


FIGURES = ROOT / "service" / "data" / "figures.csv"
FORECAST = ("forecast", "--model", "climatology", "--paths", "50", "--horizon", "2")


def as_spreadsheet_csv(lines):
    """The figures with British dates, semicolons, decimals, a note, and the newest first."""
    rows = []
    for line in lines[1:]:
        day, people, boats = line.split(",")
        rows.append(f"{dt.date.fromisoformat(day):%d/%m/%Y};{people}.0;{boats};café")
    return "\n".join(["Date;People;Boats;Note", *reversed(rows), "", ""])


def test_spreadsheet_csv_gives_the_same_forecast(crossings):
    content = gzip.compress(as_spreadsheet_csv(FIGURES.read_text().splitlines()).encode("l1"))
    plain = crossings(*FORECAST, "--format", "json", "--data", str(FIGURES))
    options = ("--series", "PEOPLE", "--encoding", "latin-1", "--dayfirst")
    piped = run_command(
        *command(*FORECAST, "--format", "json", "--data", "-", *options),
        input=content,
        env=environment(),
        text=False,
        check=True,
    )
    assert json.loads(piped.stdout) == json.loads(plain.stdout)
    assert plain.stderr == ""
    (note,) = piped.stderr.decode().splitlines()
    assert note.startswith("standard input is read with ';' between columns, ")


@pytest.mark.parametrize(
    "arguments", [(*FORECAST, "--data"), ("ingest", "--source", "csv", "--dry-run")]
)
def test_commands_read_spreadsheet_csv_with_dayfirst(crossings, tmp_path, arguments):
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
