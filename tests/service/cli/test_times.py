from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.core.context import open_context
from service.core.settings import Settings
from tests.service.support import Crossings, record_run


def test_schedule_lists_each_job_with_its_next_run(crossings: Crossings) -> None:
    done = crossings("schedule", source="declared", weather="openmeteo", smtp_host="localhost")
    assert done.returncode == 0, done.stderr
    for name in ("renew", "renew-again", "read-weather", "tidy", "post"):
        assert name in done.stdout
    jobs = json.loads(crossings("schedule", "--format", "json").stdout)["jobs"]
    (renew,) = [row for row in jobs if row["job"] == "renew"]
    assert renew["times"] == ["50 13 * * *", "40 9 * * sat,sun"]
    assert renew["next_at"].endswith("Z")
    assert renew["last_due_at"] is renew["last_due_local"] is None


def test_schedule_has_the_times_of_each_route(crossings: Crossings) -> None:
    done = crossings("schedule", "--format", "json", routes="channel,italy")
    rows = {r["route"]: r for r in json.loads(done.stdout)["jobs"] if r["job"] == "renew"}
    assert rows["italy"]["next_local"].endswith(" 15:00")
    assert rows["channel"]["next_local"].endswith((" 13:50", " 09:40"))


def test_schedule_has_the_last_run_of_each_job(crossings: Crossings, tmp_path: Path) -> None:
    opened = open_context(Settings(var_dir=tmp_path / "var"))
    record_run(opened.database, "2026-01-05T13:50:00Z", job="renew", outcome="done")
    retry = "renew-again again 2026-07-05T14:07:09Z"
    record_run(opened.database, retry, job="renew-again", outcome="failed", reason="no answer")
    opened.database.close()
    done = crossings("schedule", "--format", "json", source="declared")
    assert done.returncode == 0, done.stderr
    assert {
        row["job"]: (row["last_due_at"], row["last_due_local"], row["last_outcome"])
        for row in json.loads(done.stdout)["jobs"]
    } == {
        "renew": ("2026-01-05T13:50:00Z", "Mon 05 Jan 13:50", "done"),
        "renew-again": ("2026-07-05T14:07:09Z", "Sun 05 Jul 15:07", "failed"),
        "tidy": (None, None, None),
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
        "0 issues, 0 forecasts of the weather, 0 scores of models, 0 rows of runs, 0 requests "
        "deleted\n"
    )
    lines = crossings("prune", "--compact").stdout.splitlines()
    assert len(lines) == 2 and lines[1].endswith(" MB returned to the disk")
