"""The metrics are what the store, the status and the track record hold."""

from __future__ import annotations

import datetime as dt

from service.answers.issue_loader import IssueLoader
from service.answers.service_metrics import JOBS, service_metrics
from service.answers.status import status
from service.answers.track_record import track_record
from service.core.context import Context
from service.core.locks import SCHEDULER
from service.issues.score import score
from tests.service.support import ROUTE, Hand, publish, random_paths, record_run, utc


def run(context: Context, job: str, period: str, at: dt.datetime, outcome: str) -> int:
    return record_run(
        context.database, period, at, job=job, outcome=outcome, ended=at + dt.timedelta(hours=1)
    )


def test_of_a_service_without_issues(empty: Context, clock: Hand) -> None:
    taken = service_metrics(IssueLoader(empty, clock))
    assert taken["forecast_issued_timestamp_seconds"] == {}
    assert taken["data_through_timestamp_seconds"] == {}
    assert taken["forecast_interval_coverage_ratio"] == {}
    assert taken["forecast_next_week"] == taken["forecast_threshold_probability"] == {}
    assert taken["forecast_scored_issues"] == {("people",): 0, ("boats",): 0}
    assert taken["scheduler_running"] == {(): 0}
    assert taken["job_runs"] == {
        (ROUTE.name, job, how): 0 for job in JOBS for how in ("done", "failed")
    }


def test_of_a_published_service(context: Context, clock: Hand) -> None:
    loader = IssueLoader(context, clock)
    taken = service_metrics(loader)
    statuses = ("fresh", "stale", "degraded")
    is_it = {(name,): float(name == status(loader)["status"]) for name in statuses}
    assert (taken["service_status"], taken["service_status_reason"]) == (is_it, {})
    midnight = utc(2025, 12, 31, 0).timestamp()
    assert taken["data_through_timestamp_seconds"] == {("people",): midnight, ("boats",): midnight}
    assert taken["forecast_issued_timestamp_seconds"] == {
        (s,): loader.view(s).issue.issued_at.timestamp() for s in ("people", "boats")
    }
    bounds = ("median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95")
    assert set(taken["forecast_next_week"]) == {
        (s, name) for s in ("people", "boats") for name in bounds
    }
    runs = taken["job_runs"]
    assert runs[ROUTE.name, "refit", "done"] == runs[ROUTE.name, "ingest", "done"] == 1
    assert runs[ROUTE.name, "refit", "failed"] == 0
    done = set(taken["job_last_success_timestamp_seconds"])
    assert done == {(ROUTE.name, "ingest"), (ROUTE.name, "refit")}


def test_each_reason_once(context: Context) -> None:
    taken = service_metrics(IssueLoader(context, Hand(utc(2026, 11, 21, 12))))
    assert taken["service_status"] == {("fresh",): 0, ("stale",): 1, ("degraded",): 0}
    assert taken["service_status_reason"] == {("figures_old",): 1}


def test_whether_a_process_schedules(empty: Context, clock: Hand) -> None:
    loader = IssueLoader(empty, clock)
    with empty.database.alone(SCHEDULER):
        assert service_metrics(loader)["scheduler_running"] == {(): 1}
    assert service_metrics(loader)["scheduler_running"] == {(): 0}


def test_coverage_is_taken_anew_when_a_score_has_come(filled: Context, clock: Hand) -> None:
    loader = IssueLoader(filled, clock)
    assert service_metrics(loader)["forecast_interval_coverage_ratio"] == {}
    for week in range(2):
        at = utc(2025, 11, 3 + 7 * week, 12)
        paths = {"climatology": random_paths(f"2025-11-{2 + 7 * week:02}", 28)}
        publish(filled.database, paths, run(filled, "refit", f"{week}", at, "done"), at)
        score(filled, f"week {week}")
        taken = service_metrics(loader)
        assert taken["forecast_scored_issues"] == {("people",): week + 1, ("boats",): 0}
        rows = {row["measure"]: row for row in track_record(loader, "people")["rows"]}
        assert taken["forecast_interval_coverage_ratio"] == {
            ("people", measure, str(level)): row[f"coverage{level}"]
            for measure, row in rows.items()
            for level in (50, 80, 95)
            if row[f"coverage{level}"] is not None
        }
        assert service_metrics(loader) == taken
