from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from forecast.paths import Paths
from service.core.clock import format_instant, utc_now
from service.core.context import Context
from service.core.database import connect
from service.core.tables import observations, runs
from tests.service.support import Crossings, declare_quick_models, publish, record_run, utc


def count_observations(folder: Path) -> int:
    database = connect(f"sqlite:///{folder / 'crossings.sqlite'}")
    with database.reading() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(observations)).scalar()
    database.close()
    return int(count or 0)


def test_ingest_refit_and_status(crossings: Crossings, tmp_path: Path) -> None:
    models = declare_quick_models(tmp_path / "models")
    done = crossings("ingest", models_dir=models)
    assert done.returncode == 0
    assert done.stdout == "5844 new, 0 revised, 0 unchanged from figures, to 2025-12-31\n"
    first = crossings("status", models_dir=models)
    assert first.returncode == 0
    assert "nothing is published yet" in first.stdout
    done = crossings("refit", models_dir=models, fit_seconds=0, log_format="json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("published people-20251231-")
    lines = [json.loads(line)["message"] for line in done.stderr.splitlines()]
    assert lines[:2] == ["fitting climatology", "fitting seasonal_naive"]
    done = crossings("refit", models_dir=models, fit_seconds=0)
    assert done.stdout.endswith(" is current\n")

    report = crossings("status", "--format", "json", models_dir=models, stale_after_days=3650)
    assert report.returncode == 0, report.stderr
    assert json.loads(report.stdout)["status"] == "fresh"
    table = crossings("status", models_dir=models, stale_after_days=3650)
    assert "climatology" in table.stdout


def test_ingest_of_a_file_requires_one_route(crossings: Crossings, tmp_path: Path) -> None:
    file = tmp_path / "figures.csv"
    file.write_text("date,people\n2024-01-01,7\n")
    arguments = ("ingest", "--source", "csv", str(file))
    rejected = crossings(*arguments, routes="italy,channel")
    assert rejected.returncode == 2
    assert "expected --route with a FILE, one of italy, channel" in rejected.stderr
    done = crossings(*arguments, "--route", "channel", routes="italy,channel")
    assert done.stdout.startswith("1 new, 0 revised, 0 unchanged from csv, to 2024-01-01\n")


COMMANDS = ("run", "serve", "scheduler", "status", "ingest", "refit", "backup")


def test_unknown_database_revision_is_rejected(crossings: Crossings, filled: Context) -> None:
    with filled.database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    file = filled.database.engine.url.database
    for name in COMMANDS:
        options = (str(filled.settings.var_dir / "to.tar.gz"),) if name == "backup" else ()
        done = crossings(name, *options, var_dir=filled.settings.var_dir)
        assert (name, done.returncode, done.stdout) == (name, 1, "")
        assert done.stderr == (
            "Error: the database is at migration 9999, which this version does not have: "
            f"run the version that made it, or move {file} away to start afresh\n"
        ), name


def test_status_check_is_silent_unless_there_is_an_alarm(
    crossings: Crossings, filled: Context
) -> None:
    settings = {"var_dir": filled.settings.var_dir, "stale_after_days": 3650}
    done = crossings("status", "--check", **settings)
    assert done.returncode == 1
    assert done.stdout.splitlines()[1] == "  no_issue: nothing is published yet"

    publish_issue(filled, utc_now(), "2025-12-31")
    done = crossings("status", "--check", **settings)
    assert (done.returncode, done.stdout) == (0, "")

    publish_issue(filled, utc(2025, 12, 20), "2025-12-20")  # its paths are far above the figures
    done = crossings("status", "--check", **settings)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "fresh" and lines[1].startswith("  alarm week_beyond_band"), lines
    assert crossings("status", **settings).returncode == 0


def test_status_check_names_jobs_whose_last_run_failed(
    crossings: Crossings, filled: Context
) -> None:
    settings = {"var_dir": filled.settings.var_dir, "stale_after_days": 3650}
    publish_issue(filled, utc_now(), "2025-12-31")
    now = utc_now()
    for at, outcome in enumerate(("done", "failed", "done", "failed")):
        reason = "Connection refused" if outcome == "failed" else None
        moment = now - dt.timedelta(days=7, minutes=-at)
        record_run(filled.database, str(at), moment, job="digest", outcome=outcome, reason=reason)
        done = crossings("status", "--check", **settings)
        if outcome == "done":
            assert (done.returncode, done.stdout) == (0, ""), at
            continue
        assert done.returncode == 1
        expected = f"  job digest failed, started {format_instant(moment)}: Connection refused"
        assert done.stdout.splitlines() == ["fresh", expected]
    done = crossings("status", "--check", routes="channel,italy", **settings)
    assert "  job digest of channel failed, started" in done.stdout
    assert "digest of italy" not in done.stdout
    long_ago = now - dt.timedelta(days=9)
    with filled.database.writing() as connection:
        connection.execute(runs.update().where(runs.c.job == "digest").values(started_at=long_ago))
    assert crossings("status", "--check", **settings).returncode == 0


def publish_issue(context: Context, issued_at: dt.datetime, first: str) -> None:
    run_id = record_run(context.database, first, issued_at)
    paths = Paths(np.datetime64(first), np.full((100, 28), 10**6))
    publish(context.database, {"climatology": paths}, run_id, issued_at)


def test_ingest_rejects_malformed_csv(crossings: Crossings, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("date,people\n2025-01-01,1\n2025-01-03,1\n")
    done = crossings("ingest", "--source", "csv", str(file))
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    assert lines[0].startswith(f"Error: {file}, row 3")
    assert ": expected " in lines[0]
    assert ", found " in lines[0]
    assert "Traceback" not in done.stderr
    assert count_observations(tmp_path / "var") == 0


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["ingest", "--source", "csv", "none.csv"], 2, "none.csv: expected a readable file"),
        (["refit"], 1, "no figures are stored: run `crossings ingest` first"),
        (["refit", "--fast"], 2, "No such option"),
    ],
)
def test_invalid_commands_are_rejected(
    crossings: Crossings, arguments: list[str], status: int, message: str
) -> None:
    done = crossings(*arguments)
    assert done.returncode == status
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_hindcast_rejects_a_day_without_figures_after_it(
    crossings: Crossings, filled: Context
) -> None:
    done = crossings("hindcast", "--since", "2030-01-01", var_dir=filled.settings.var_dir)
    assert (done.returncode, done.stdout) == (2, "")
    message = "--since: expected a day with figures after it, found 2030-01-01"
    assert done.stderr.splitlines()[-1] == f"Error: {message}"


def test_refit_without_declared_models_is_rejected(crossings: Crossings, tmp_path: Path) -> None:
    done = crossings("refit", models_dir=tmp_path / "none")
    assert done.returncode == 2
    assert (
        f"{tmp_path / 'none'}: expected a model that can be published, found no *.toml"
        in done.stderr
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("url", ["sqlite:////proc/nowhere/x.sqlite", "postgresql+psycopg://:1/x"])
def test_unusable_database_is_reported(crossings: Crossings, url: str) -> None:
    done = crossings("status", database_url=url)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1


def test_status_does_not_interpret_markup_in_reasons(
    crossings: Crossings, context: Context
) -> None:
    reason = "row 3: expected a whole number, found '[x]', then '[/b]'"
    record_run(
        context.database, "2026-01-02T13:50:00Z", job="ingest", outcome="failed", reason=reason
    )
    done = crossings("status", var_dir=context.settings.var_dir)
    assert done.stdout.count(reason) == 2, done.stderr
