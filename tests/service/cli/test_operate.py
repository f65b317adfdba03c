from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from forecast.paths import Paths
from service.core import run_store
from service.core.clock import utc_now
from service.core.context import Context
from service.core.database import connect
from service.core.tables import observations
from tests.service.support import NOW, ROUTE, Crossings, publish, quick_models, utc


def stored(folder: Path) -> int:
    database = connect(f"sqlite:///{folder / 'crossings.sqlite'}")
    with database.reading() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(observations)).scalar()
    database.close()
    return int(count or 0)


def test_from_a_fresh_database_to_a_status(crossings: Crossings, tmp_path: Path) -> None:
    models = quick_models(tmp_path / "models")
    first = crossings("status", models_dir=models)
    assert first.returncode == 0
    assert "nothing is published yet" in first.stdout

    done = crossings("ingest", models_dir=models)
    assert done.returncode == 0
    assert done.stdout == "5844 new, 0 revised, 0 unchanged from figures, through 2025-12-31\n"
    done = crossings("refit", models_dir=models)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("published people-20251231-")
    assert "fitting climatology\nfitting seasonal_naive\n" in done.stderr
    done = crossings("refit", models_dir=models)
    assert done.stdout.endswith(" is current\n")

    found = crossings("status", "--format", "json", models_dir=models, stale_after_days=3650)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["status"] == "fresh"
    table = crossings("status", models_dir=models, stale_after_days=3650)
    assert "climatology" in table.stdout


def test_a_file_is_of_one_route(crossings: Crossings, tmp_path: Path) -> None:
    file = tmp_path / "figures.csv"
    file.write_text("date,people\n2024-01-01,7\n")
    asked = ("ingest", "--source", "csv", str(file))
    refused = crossings(*asked, routes="italy,channel")
    assert refused.returncode == 2
    assert "expected --route with a FILE, one of italy, channel" in refused.stderr
    done = crossings(*asked, "--route", "channel", routes="italy,channel")
    assert done.stdout.startswith("1 new, 0 revised, 0 unchanged from csv, through 2024-01-01\n")


OPENING = ("run", "serve", "scheduler", "status", "ingest", "refit", "backup")


@pytest.mark.parametrize("revision", ["0053", "9999"])
def test_a_database_of_another_version_is_refused(
    crossings: Crossings, filled: Context, revision: str
) -> None:
    with filled.database.writing() as connection:
        connection.execute(
            sa.text("UPDATE alembic_version SET version_num = :new"), {"new": revision}
        )
    file = filled.database.engine.url.database
    for name in OPENING:
        options = (str(filled.settings.var_dir / "to.tar.gz"),) if name == "backup" else ()
        done = crossings(name, *options, var_dir=filled.settings.var_dir)
        assert (name, done.returncode, done.stdout) == (name, 1, "")
        assert done.stderr == (
            f"Error: the database is at migration {revision}, which this version does not have: "
            f"run the version that made it, or move {file} away to start anew\n"
        ), name


def test_a_check_is_silent_until_something_is_wrong(crossings: Crossings, filled: Context) -> None:
    lasting = {"var_dir": filled.settings.var_dir, "stale_after_days": 3650}
    checked = crossings("status", "--check", **lasting)
    assert checked.returncode == 1
    assert checked.stdout.splitlines()[1] == "  no_issue: nothing is published yet"

    issue(filled, utc_now(), "2025-12-31")
    checked = crossings("status", "--check", **lasting)
    assert (checked.returncode, checked.stdout) == (0, ""), "fresh, and no alarm"

    issue(filled, utc(2025, 12, 20), "2025-12-20")  # a forecast that no figure can meet
    checked = crossings("status", "--check", **lasting)
    assert checked.returncode == 1
    lines = checked.stdout.splitlines()
    assert lines[0] == "fresh" and lines[1].startswith("  alarm week_beyond_band"), lines
    assert crossings("status", **lasting).returncode == 0


def issue(context: Context, issued_at: dt.datetime, first: str) -> None:
    with context.database.writing() as connection:
        claimed = run_store.claim(connection, "refit", first, issued_at, ROUTE.name)
    assert claimed is not None
    paths = Paths(np.datetime64(first), np.full((100, 28), 10**6))
    publish(context.database, {"climatology": paths}, claimed.run_id, issued_at)


BAD = [
    (b"date,people\n2025-01-01,1\n2025-01-03,1\n", "row 3"),
    (b"date,people\n2025-01-01,1\n2025-01-01,1\n", "row 3"),
    (b"date,people\n2025-01-01,-1\n", "row 2"),
    (b"date,people\n2025-01-01,0.5\n", "row 2"),
    (b"date,boats\n2025-01-01,1\n", "row 1"),
    (b"date,people\n", "row 2"),
    ("date,people\n2025-01-01,\n".encode("utf-16"), "row 2"),
]


@pytest.mark.parametrize(("content", "row"), BAD)
def test_a_bad_file_is_one_line_status_2_and_nothing_stored(
    crossings: Crossings, tmp_path: Path, content: bytes, row: str
) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes(content)
    done = crossings("ingest", "--source", "csv", str(file))
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    assert lines[0].startswith(f"Error: {file}, {row}")
    assert ": expected " in lines[0]
    assert ", found " in lines[0]
    assert "Traceback" not in done.stderr
    assert stored(tmp_path / "var") == 0


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["ingest", "--source", "csv"], 2, "expected --source workbook, page or csv with a FILE"),
        (["ingest", "somefile.csv"], 2, "expected --source workbook, page or csv with a FILE"),
        (["ingest", "--source", "csv", "none.csv"], 2, "none.csv: expected a readable file"),
        (["refit"], 1, "no figures are stored: run `crossings ingest` first"),
        (["conquer"], 2, "No such command"),
        (["refit", "--fast"], 2, "No such option"),
    ],
)
def test_what_cannot_be_done_is_said(
    crossings: Crossings, arguments: list[str], status: int, said: str
) -> None:
    done = crossings(*arguments)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--since", "2030-01-01"],
            "--since: expected a day with figures after it, found 2030-01-01",
        ),
        (
            ["--since", "2025-12-01", "--models", "climatology,nope"],
            "--models: expected declared models of climatology, seasonal_naive, found 'nope'",
        ),
        (
            ["--since", "2025-12-01", "--models", ","],
            "--models: expected declared models of climatology, seasonal_naive, found ''",
        ),
    ],
)
def test_a_replay_that_cannot_be_is_status_2(
    crossings: Crossings, filled: Context, tmp_path: Path, arguments: list[str], said: str
) -> None:
    models = quick_models(tmp_path / "quick")
    done = crossings("hindcast", *arguments, models_dir=models, var_dir=filled.settings.var_dir)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"Error: {said}"


def test_models_that_do_not_hold_are_status_2(crossings: Crossings, tmp_path: Path) -> None:
    done = crossings("refit", models_dir=tmp_path / "none")
    assert done.returncode == 2
    assert f"{tmp_path / 'none'}: expected model declarations (*.toml), found none" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "url", ["sqlite:////proc/nowhere/x.sqlite", "nosuch://host/db", "postgresql+psycopg://:1/x"]
)
def test_a_database_that_cannot_be_used_is_one_line(crossings: Crossings, url: str) -> None:
    done = crossings("status", database_url=url)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_reason_is_shown_as_it_is(crossings: Crossings, context: Context) -> None:
    reason = "row 3: expected a whole number, found '[x]', then '[/b]'"
    with context.database.writing() as connection:
        claimed = run_store.claim(connection, "ingest", "2026-01-02T13:50:00Z", NOW, ROUTE.name)
        assert claimed is not None
        run_store.finish(connection, claimed, "failed", reason, {}, NOW)
    done = crossings("status", var_dir=context.settings.var_dir)
    assert done.stdout.count(reason) == 2, done.stderr
