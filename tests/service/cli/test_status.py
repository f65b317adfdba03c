import datetime as dt

import numpy as np

from forecast.paths import Paths
from service.core.clock import format_instant, utc_now
from service.core.context import open_context
from service.core.settings import Settings
from service.core.tables import runs
from tests.service.support import publish, read_table, record_run, utc


def test_schedule_has_the_next_and_the_last_run_of_each_job(crossings, tmp_path):
    opened = open_context(Settings(var_dir=tmp_path / "var"))
    record_run(opened.database, "2026-01-05T13:50:00Z", job="renew", outcome="done")
    retry = "renew-again again 2026-07-05T14:07:09Z"
    record_run(opened.database, retry, job="renew-again", outcome="failed", reason="no answer")
    opened.database.close()
    done = crossings("schedule", source="declared", weather="openmeteo", smtp_host="localhost")
    rows = {row["job"]: row for row in read_table(done.stdout)}
    assert rows["renew"]["next, local time"].endswith((" 13:50", " 09:40"))
    assert {job: (row["last due, local time"], row["outcome"]) for job, row in rows.items()} == {
        "renew": ("Mon 05 Jan 13:50", "done"),
        "renew-again": ("Sun 05 Jul 15:07", "failed"),
        "read-weather": ("never", ""),
        "tidy": ("never", ""),
        "post": ("keeps its own record", ""),
    }
    done = crossings("schedule", routes="channel,italy")
    next_due = {row["job"]: row["next, local time"] for row in read_table(done.stdout)}
    assert next_due["renew of italy"].endswith(" 15:00")
    assert next_due["renew of channel"].endswith((" 13:50", " 09:40"))


def publish_issue(context, issued_at, first):
    run_id = record_run(context.database, first, issued_at)
    paths = Paths(np.datetime64(first), np.full((100, 28), 10**6))
    publish(context.database, {"climatology": paths}, run_id, issued_at)


def test_status_check_is_silent_unless_there_is_an_alarm(crossings, filled):
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


def test_status_check_names_jobs_whose_last_run_failed(crossings, filled):
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


def test_status_does_not_interpret_markup_in_reasons(crossings, context):
    reason = "row 3: expected a whole number, found '[x]', then '[/b]'"
    record_run(context.database, job="ingest", outcome="failed", reason=reason)
    done = crossings("status")
    assert done.stdout.count(reason) == 2, done.stderr
