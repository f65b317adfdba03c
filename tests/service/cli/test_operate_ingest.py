"""``crossings ingest``: from files and from a site, shown first, and how it ends."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from tests.service.support import Crossings
from tests.support import ods, pages
from tests.support.sites import Answer, publish, running

DAYS = ods.some_days(dt.date(2024, 1, 1), 14)


def workbook(folder: Path) -> str:
    file = folder / "w.ods"
    file.write_bytes(ods.workbook(DAYS, "2024-01-15T13:00:00Z"))
    return str(file)


def test_the_difference_is_shown_and_then_stored(crossings: Crossings, tmp_path: Path) -> None:
    file = workbook(tmp_path)
    shown = crossings("ingest", "--source", "workbook", file, "--dry-run")
    assert shown.returncode == 0
    assert "30 new, 0 revised, 0 unchanged from workbook, through 2024-01-14" in shown.stdout
    assert "preventions" in shown.stdout
    assert "nothing was stored" in shown.stdout
    stored = crossings("ingest", "--source", "workbook", file)
    assert stored.stdout == "30 new, 0 revised, 0 unchanged from workbook, through 2024-01-14\n"
    again = crossings("ingest", "--source", "workbook", file, "--dry-run")
    assert "0 new, 0 revised, 30 unchanged" in again.stdout


def test_bad_input_is_one_line_and_status_2(crossings: Crossings, tmp_path: Path) -> None:
    file = tmp_path / "p.html"
    file.write_bytes(pages.page("<p>252 people in 7 boats</p>"))
    for more in ([], ["--dry-run"]):
        ended = crossings("ingest", "--source", "page", str(file), *more, log_level="ERROR")
        assert ended.returncode == 2
        lines = [line for line in ended.stderr.splitlines() if not line.startswith("20")]
        assert len(lines) == 1
        assert lines[0].startswith(f"Error: {file}: expected one table headed Date | Migrants")


@pytest.mark.parametrize("arguments", [["--source", "page"], ["--source", "govuk", "x"], ["x"]])
def test_a_source_and_a_file_go_together(crossings: Crossings, arguments: list[str]) -> None:
    ended = crossings("ingest", *arguments)
    assert ended.returncode == 2
    assert "expected --source workbook, page or csv with a FILE, or neither" in ended.stderr


def test_a_site_that_does_not_answer_is_no_bad_input(crossings: Crossings) -> None:
    where = {"source": "declared", "govuk_url": "http://127.0.0.1:1", "fetch_attempts": 1}
    for more in ([], ["--dry-run"]):
        ended = crossings("ingest", *more, **where, routes="channel", log_level="ERROR")
        assert ended.returncode == 1
        last = ended.stderr.splitlines()[-1]
        assert last.startswith("Error: ") and "expected an answer, found Connection" in last


def test_a_site_is_read_by_settings(crossings: Crossings) -> None:
    rows = pages.week(dt.date(2024, 1, 15), [(0, 0)])
    with running() as sites:
        publish(
            sites,
            ods.workbook(DAYS, "2024-01-15T13:00:00Z"),
            pages.page(pages.table(rows), "2024-01-16T13:00:00Z"),
        )
        where = {"source": "govuk", "govuk_url": sites.url, "govuk_assets_url": sites.url}
        ended = crossings("ingest", **where)
        counted, note = ended.stdout.splitlines()
        assert counted == "32 new, 0 revised, 0 unchanged from GOV.UK, through 2024-01-15"
        assert note.endswith("last-7-days: 1 days instead of 7; taken as stated")
        agents = {asked.headers["user-agent"] for asked in sites.asked}
        assert len(agents) == 1
        sites.replies = {"/": Answer(status=404)}
        assert crossings("ingest", **where, fetch_attempts=1).returncode == 2
