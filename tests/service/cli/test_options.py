import datetime as dt
import gzip
import io
import json
import re

import click
import pytest

from service.cli.options import run_each_route
from service.core.context import open_context
from service.core.files import RegistryError
from service.core.job_runner import JobError
from service.core.settings import Settings
from tests.service.support import ROOT


@pytest.mark.parametrize("error", [JobError, RegistryError, click.UsageError])
@pytest.mark.parametrize("in_parallel", [False, True])
def test_failure_of_a_route_is_raised_after_the_others(tmp_path, capsys, error, in_parallel):
    context = open_context(Settings(var_dir=tmp_path, routes="channel,italy", workers=2))

    def work(one):
        if one.route.name == "channel":
            raise error("broken")
        return "done"

    with pytest.raises(JobError, match="^channel: broken$"):
        run_each_route(context, work, in_parallel=in_parallel)
    titles = [f"{route.title}:" for route in context.routes]
    context.database.close()
    assert capsys.readouterr().out.splitlines() == [*titles, "done"]


def test_unreachable_cluster_is_reported_once_before_any_fit(crossings, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("service.issues.cluster._SECONDS_TO_CONNECT", 1)
    done = crossings("refit", routes="channel,italy", dask="tcp://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("Error: tcp://127.0.0.1:1: expected a Dask scheduler") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        *(["status"], ["status", "--check"], ["keys", "list"], ["keys", "revoke", "planner"]),
        *(["subscribers", "list"], ["subscribers", "remove", "a@example.org"], ["prune"]),
        ["backup", "crossings.zip", "--overwrite"],
    ],
    ids=" ".join,
)
def test_missing_or_empty_database_is_left_as_it_is(crossings, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    backup, var = tmp_path / "crossings.zip", tmp_path / "var"
    backup.write_bytes(b"the good one")
    for files in ([], [var / "crossings.sqlite"]):
        for file in files:
            var.mkdir()
            file.touch()
        done = crossings(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert re.fullmatch(r"Error: [^\n]*crossings\.sqlite: no database to [\w ]+\n", done.stderr)
        assert [file for file in tmp_path.rglob("*") if file.is_file()] == [backup, *files]
    assert backup.read_bytes() == b"the good one"


def test_spreadsheet_csv_gives_the_same_forecast(crossings, monkeypatch):
    """British dates, semicolons, decimals, a note, and the newest first."""
    figures = ROOT / "service" / "data" / "figures.csv"
    rows = [line.split(",") for line in reversed(figures.read_text().splitlines()[1:])]
    lines = [f"{dt.date.fromisoformat(day):%d/%m/%Y};{n}.0;{boats};café" for day, n, boats in rows]
    content = gzip.compress("\n".join(["Date;People;Boats;Note", *lines, "", ""]).encode("l1"))
    forecast = ("forecast", "--model", "climatology", "--paths", "50", "--format", "json", "--data")
    options = ("--series", "PEOPLE", "--encoding", "latin-1", "--dayfirst")
    plain = crossings(*forecast, str(figures))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    piped = crossings(*forecast, "-", *options)
    assert json.loads(piped.stdout) == json.loads(plain.stdout)
    assert plain.stderr == ""
    (note,) = piped.stderr.splitlines()
    assert note.startswith("standard input is read with ';' between columns, ")


def test_ingest_reads_spreadsheet_csv_with_dayfirst(crossings, tmp_path):
    file = tmp_path / "Jan.csv"
    file.write_text("Date;People\n30/01/2024;7\n31/01/2024;0\n")
    arguments = ("ingest", "--source", "csv", "--dry-run", str(file))
    done = crossings(*arguments, "--dayfirst")
    assert done.returncode == 0, done.stderr
    assert f"{file} is read with ';' between columns" in done.stderr
    without_option = crossings(*arguments)
    assert without_option.returncode == 2
    line = without_option.stderr.splitlines()[-1]
    assert line.startswith(f"Error: {file}, row 2, column date: expected a date such as ")
    assert "--dayfirst" in line
