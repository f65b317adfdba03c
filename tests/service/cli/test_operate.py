import datetime as dt
import json

import pytest
import sqlalchemy as sa

from service.core.context import open_context
from service.core.database import UNKNOWN_REMEDY
from service.core.settings import Settings
from tests.service.support import declare_quick_models
from tests.support import ods, pages
from tests.support.sites import SiteResponse, act_as_govuk

WORKBOOK = ods.workbook(ods.some_days(dt.date(2024, 1, 1), 14), "2024-01-15T13:00:00Z")


def test_ingest_refit_status_and_hindcast(crossings, tmp_path):
    models = declare_quick_models(tmp_path / "models")
    settings = {"models_dir": models, "fit_seconds": 0, "stale_after_days": 3650}
    preview = crossings("ingest", "--dry-run", **settings).stdout
    assert preview.endswith("and 5,784 more before these\nnothing was stored\n")
    done = crossings("ingest", **settings)
    assert done.stdout == "5844 new, 0 revised, 0 unchanged from figures, to 2025-12-31\n"
    first = crossings("status", **settings)
    assert (first.returncode, "nothing is published yet" in first.stdout) == (0, True)
    done = crossings("refit", **settings, log_format="json")
    assert done.stdout.startswith("published people-20251231-"), done.stderr
    lines = [json.loads(line)["message"] for line in done.stderr.splitlines()]
    assert lines[:2] == ["fitting climatology", "fitting seasonal_naive"]
    assert crossings("refit", **settings).stdout.endswith(" is current\n")
    report = crossings("status", "--format", "json", **settings)
    assert (report.returncode, json.loads(report.stdout)["status"]) == (0, "fresh")
    assert "climatology" in crossings("status", **settings).stdout
    done = crossings("hindcast", "--since", "2025-12-24", **settings)
    assert done.stdout.startswith("1 hindcasts made of 1 origins\n"), done.stderr
    assert crossings("score", **settings).stdout.startswith("0 scores computed, ")
    first, *ratios = crossings("compare", **settings, champion_origins=4).stdout.splitlines()
    assert first.startswith("climatology stays champion on 4 origins")
    assert ratios[0] == "   1.000  climatology" and ratios[1].endswith("  seasonal_naive")


def test_ingest_of_a_file_requires_one_route(crossings, tmp_path):
    file = tmp_path / "figures.csv"
    file.write_text("date,people\n2024-01-01,7\n")
    arguments = ("ingest", "--source", "csv", str(file))
    rejected = crossings(*arguments, routes="italy,channel")
    assert rejected.returncode == 2
    assert "expected --route with a FILE, one of italy, channel" in rejected.stderr
    done = crossings(*arguments, "--route", "channel", routes="italy,channel")
    assert done.stdout.startswith("1 new, 0 revised, 0 unchanged from csv, to 2024-01-01\n")


COMMANDS = ("run", "serve", "scheduler", "status", "ingest", "refit", "backup")


def test_unknown_database_revision_is_rejected(crossings, filled):
    with filled.database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    for name in COMMANDS:
        options = (str(filled.settings.var_dir / "to.zip"),) if name == "backup" else ()
        done = crossings(name, *options, var_dir=filled.settings.var_dir)
        assert (name, done.returncode, done.stdout) == (name, 1, "")
        assert done.stderr == (
            "Error: the database is at migration 9999, which this version does not have: "
            f"{UNKNOWN_REMEDY}\n"
        ), name


PAGE = "<p>252 people in 7 boats</p>"
NEITHER = "expected --source workbook, page or csv with a FILE, or neither"


@pytest.mark.parametrize(
    ("arguments", "settings", "status", "message"),
    [
        ("ingest --source csv none.csv", {}, 2, "none.csv: expected a readable file"),
        ("ingest --source csv bad.csv", {}, 2, "Error: bad.csv, row 3, column date: "),
        ("ingest --source page page.html --dry-run", {}, 2, "page.html: expected one table headed"),
        ("ingest --source page", {}, 2, NEITHER),
        ("ingest", {"source": "declared"}, 1, "expected an answer, found Connection"),
        ("ingest --dry-run", {"source": "declared"}, 1, "expected an answer, found Connection"),
        ("refit", {}, 1, "no figures are stored: run `crossings ingest` first"),
        ("refit", {"models_dir": "none"}, 2, "none: expected a model that can be published"),
        ("hindcast --since 2030-01-01", {}, 2, "--since: expected a day with figures after it"),
        ("status", {"database_url": "sqlite:////proc/nowhere/x.sqlite"}, 1, "Error: "),
        ("status", {"database_url": "postgresql+psycopg://:1/x"}, 1, "Error: "),
    ],
)
def test_failure_is_reported_in_one_line(
    crossings, tmp_path, monkeypatch, arguments, settings, status, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text("date,people\n2025-01-01,1\n2025-01-03,1\n")
    (tmp_path / "page.html").write_bytes(pages.page(PAGE))
    common = {"govuk_url": "http://127.0.0.1:1", "fetch_attempts": 1, "log_level": "ERROR"}
    done = crossings(*arguments.split(), **common | settings)
    assert done.returncode == status
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert message in lines[-1]
    assert len(lines) == 1 or "--dry-run" in arguments, "which names each document"
    assert "Traceback" not in done.stderr


def test_prune_reports_deleted_issues(crossings, tmp_path):
    open_context(Settings(var_dir=tmp_path / "var")).database.close()
    assert crossings("prune").stdout == "deleted issues: 0\n"


def test_dry_run_shows_the_changes_that_ingest_stores(crossings, tmp_path):
    file = tmp_path / "w.ods"
    file.write_bytes(WORKBOOK)
    arguments = ("ingest", "--source", "workbook", str(file))
    preview = crossings(*arguments, "--dry-run")
    assert preview.returncode == 0
    changes = "30 new, 0 revised, 0 unchanged from workbook, to 2024-01-14\n"
    for text in (changes, "preventions", "nothing was stored"):
        assert text in preview.stdout
    assert crossings(*arguments).stdout == changes
    repeated = crossings(*arguments, "--dry-run")
    assert "0 new, 0 revised, 30 unchanged" in repeated.stdout


def test_ingest_from_govuk(crossings, sites):
    rows = pages.week(dt.date(2024, 1, 15), [(0, 0)])
    act_as_govuk(sites, WORKBOOK, pages.page(pages.table(rows), "2024-01-16T13:00:00Z"))
    settings = {"source": "govuk", "govuk_url": sites.url, "govuk_assets_url": sites.url}
    done = crossings("ingest", **settings)
    assert done.stdout == "32 new, 0 revised, 0 unchanged from GOV.UK, to 2024-01-15\n"
    sites.replies = dict.fromkeys(sites.replies, SiteResponse(status=503))
    down = crossings("ingest", **settings, fetch_attempts=1)
    assert down.returncode == 1
    assert "GOV.UK could not be reached; the figures read before are served" in down.stderr
    sites.replies = {"/": SiteResponse(status=404)}
    assert crossings("ingest", **settings, fetch_attempts=1).returncode == 2
