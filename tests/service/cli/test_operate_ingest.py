"""``crossings ingest`` from files and from GOV.UK, with and without ``--dry-run``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from tests.service.support import Crossings
from tests.support import ods, pages
from tests.support.sites import SiteResponse, act_as_govuk, run_sites

DAYS = ods.some_days(dt.date(2024, 1, 1), 14)


def write_workbook(folder: Path) -> str:
    file = folder / "w.ods"
    file.write_bytes(ods.workbook(DAYS, "2024-01-15T13:00:00Z"))
    return str(file)


def test_dry_run_shows_the_changes_that_ingest_stores(crossings: Crossings, tmp_path: Path) -> None:
    file = write_workbook(tmp_path)
    preview = crossings("ingest", "--source", "workbook", file, "--dry-run")
    assert preview.returncode == 0
    assert "30 new, 0 revised, 0 unchanged from workbook, to 2024-01-14" in preview.stdout
    assert "preventions" in preview.stdout
    assert "nothing was stored" in preview.stdout
    stored = crossings("ingest", "--source", "workbook", file)
    assert stored.stdout == "30 new, 0 revised, 0 unchanged from workbook, to 2024-01-14\n"
    repeated = crossings("ingest", "--source", "workbook", file, "--dry-run")
    assert "0 new, 0 revised, 30 unchanged" in repeated.stdout


def test_malformed_page_is_rejected(crossings: Crossings, tmp_path: Path) -> None:
    file = tmp_path / "p.html"
    file.write_bytes(pages.page("<p>252 people in 7 boats</p>"))
    for options in ([], ["--dry-run"]):
        done = crossings("ingest", "--source", "page", str(file), *options, log_level="ERROR")
        assert done.returncode == 2
        lines = [line for line in done.stderr.splitlines() if not line.startswith("20")]
        assert len(lines) == 1
        assert lines[0].startswith(f"Error: {file}: expected one table headed Date | Migrants")


@pytest.mark.parametrize("arguments", [["--source", "page"], ["--source", "govuk", "x"], ["x"]])
def test_file_and_source_are_required_together(crossings: Crossings, arguments: list[str]) -> None:
    done = crossings("ingest", *arguments)
    assert done.returncode == 2
    assert "expected --source workbook, page or csv with a FILE, or neither" in done.stderr


def test_unreachable_site_exits_with_1(crossings: Crossings) -> None:
    settings = {"source": "declared", "govuk_url": "http://127.0.0.1:1", "fetch_attempts": 1}
    for options in ([], ["--dry-run"]):
        done = crossings("ingest", *options, **settings, routes="channel", log_level="ERROR")
        assert done.returncode == 1
        last = done.stderr.splitlines()[-1]
        assert last.startswith("Error: ") and "expected an answer, found Connection" in last


def test_ingest_from_govuk(crossings: Crossings) -> None:
    rows = pages.week(dt.date(2024, 1, 15), [(0, 0)])
    with run_sites() as sites:
        act_as_govuk(
            sites,
            ods.workbook(DAYS, "2024-01-15T13:00:00Z"),
            pages.page(pages.table(rows), "2024-01-16T13:00:00Z"),
        )
        settings = {"source": "govuk", "govuk_url": sites.url, "govuk_assets_url": sites.url}
        done = crossings("ingest", **settings)
        summary, note = done.stdout.splitlines()
        assert summary == "32 new, 0 revised, 0 unchanged from GOV.UK, to 2024-01-15"
        assert note.endswith("last-7-days: 1 days instead of 7; taken as stated")
        agents = {request.headers["user-agent"] for request in sites.requests}
        assert len(agents) == 1
        sites.replies = dict.fromkeys(sites.replies, SiteResponse(status=503))
        down = crossings("ingest", **settings, fetch_attempts=1)
        assert down.returncode == 1
        assert "GOV.UK could not be reached; the figures read before are served" in down.stderr
        sites.replies = {"/": SiteResponse(status=404)}
        assert crossings("ingest", **settings, fetch_attempts=1).returncode == 2
