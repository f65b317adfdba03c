from __future__ import annotations

from pathlib import Path

import pytest

from service.core.context import open_context
from service.core.settings import Settings
from tests.service.support import Crossings, read_table, record_run


def test_schedule_lists_each_job_with_its_next_run(crossings: Crossings) -> None:
    done = crossings("schedule", source="declared", weather="openmeteo", smtp_host="localhost")
    assert done.returncode == 0, done.stderr
    for name in ("renew", "renew-again", "read-weather", "tidy", "post"):
        assert name in done.stdout
    rows = {row["job"]: row for row in read_table(done.stdout)}
    assert rows["renew"]["next, local time"].endswith((" 13:50", " 09:40"))
    assert rows["renew"]["last due, local time"] == "never"
    assert rows["post"]["last due, local time"] == "keeps its own record"


def test_schedule_has_the_times_of_each_route(crossings: Crossings) -> None:
    done = crossings("schedule", routes="channel,italy")
    next_due = {row["job"]: row["next, local time"] for row in read_table(done.stdout)}
    assert next_due["renew of italy"].endswith(" 15:00")
    assert next_due["renew of channel"].endswith((" 13:50", " 09:40"))


def test_schedule_has_the_last_run_of_each_job(crossings: Crossings, tmp_path: Path) -> None:
    opened = open_context(Settings(var_dir=tmp_path / "var"))
    record_run(opened.database, "2026-01-05T13:50:00Z", job="renew", outcome="done")
    retry = "renew-again again 2026-07-05T14:07:09Z"
    record_run(opened.database, retry, job="renew-again", outcome="failed", reason="no answer")
    opened.database.close()
    done = crossings("schedule", source="declared")
    assert done.returncode == 0, done.stderr
    assert {
        row["job"]: (row["last due, local time"], row["outcome"]) for row in read_table(done.stdout)
    } == {
        "renew": ("Mon 05 Jan 13:50", "done"),
        "renew-again": ("Sun 05 Jul 15:07", "failed"),
        "tidy": ("never", ""),
    }


@pytest.mark.parametrize("time", ["01:30", "02:30"])
def test_time_within_a_clock_change_is_rejected(crossings: Crossings, time: str) -> None:
    done = crossings("schedule", digest_time=time)
    assert done.returncode == 2
    assert done.stderr == (
        "Error: CROSSINGS_DIGEST_TIME: expected a time such as 15:30, not from 01:00 to 02:59, "
        f"when clocks change, found '{time}'\n"
    )


def test_prune_reports_deleted_rows(crossings: Crossings, tmp_path: Path) -> None:
    open_context(Settings(var_dir=tmp_path / "var")).database.close()
    assert crossings("prune").stdout == (
        "deleted issues: 0, weather: 0, scores: 0, runs: 0, requests: 0\n"
    )
    lines = crossings("prune", "--compact").stdout.splitlines()
    assert len(lines) == 2 and lines[1].endswith(" MB returned to the disk")
