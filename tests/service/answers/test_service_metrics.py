"""Metrics, compared with the database, the status and the track record."""

from service.answers.issue_loader import IssueLoader
from service.answers.service_metrics import JOBS, service_metrics
from service.answers.track_record import track_record
from service.issues.score import score
from tests.service.support import ROUTE, publish, random_paths, record_run, utc


def test_metrics_without_issues(empty, clock):
    metrics = service_metrics(IssueLoader(empty, clock))
    for name in (
        *("forecast_issued_timestamp_seconds", "data_through_timestamp_seconds"),
        *("forecast_interval_coverage_ratio", "forecast_next_week"),
        "forecast_threshold_probability",
    ):
        assert metrics[name] == {}
    assert metrics["forecast_scored_issues"] == {("people",): 0, ("boats",): 0}
    assert metrics["scheduler_running"] == {(): 0}
    assert metrics["job_runs"] == {
        (ROUTE.name, job, outcome): 0 for job in JOBS for outcome in ("done", "failed")
    }


def test_metrics_of_published_issues(context, clock):
    loader = IssueLoader(context, clock)
    metrics = service_metrics(loader)
    assert metrics["service_status"] == {("fresh",): 1, ("stale",): 0, ("degraded",): 0}
    assert metrics["service_status_reason"] == {}
    midnight = utc(2025, 12, 31).timestamp()
    assert metrics["data_through_timestamp_seconds"] == {
        ("people",): midnight,
        ("boats",): midnight,
    }
    assert metrics["forecast_issued_timestamp_seconds"] == {
        (s,): loader.view(s).issue.issued_at.timestamp() for s in ("people", "boats")
    }
    bounds = ("median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95")
    assert set(metrics["forecast_next_week"]) == {
        (s, name) for s in ("people", "boats") for name in bounds
    }
    runs = metrics["job_runs"]
    assert runs[ROUTE.name, "refit", "done"] == runs[ROUTE.name, "ingest", "done"] == 1
    assert runs[ROUTE.name, "refit", "failed"] == 0
    succeeded = set(metrics["job_last_success_timestamp_seconds"])
    assert succeeded == {(ROUTE.name, "ingest"), (ROUTE.name, "refit")}


def test_coverage_is_updated_after_scoring(filled, clock):
    loader = IssueLoader(filled, clock)
    assert service_metrics(loader)["forecast_interval_coverage_ratio"] == {}
    for week in range(2):
        at = utc(2025, 11, 3 + 7 * week, 12)
        paths = {"climatology": random_paths(f"2025-11-{2 + 7 * week:02}", 28)}
        run_id = record_run(filled.database, f"{week}", at, outcome="done")
        publish(filled.database, paths, run_id, at)
        score(filled, f"week {week}")
        metrics = service_metrics(loader)
        assert metrics["forecast_scored_issues"] == {("people",): week + 1, ("boats",): 0}
        assert metrics["forecast_interval_coverage_ratio"] == {
            ("people", row["measure"], str(level)): row[f"coverage{level}"]
            for row in track_record(loader, "people")["rows"]
            for level in (50, 80, 95)
            if row[f"coverage{level}"] is not None
        }
        assert service_metrics(loader) == metrics
