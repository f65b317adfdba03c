"""Vitals are what the store, the status and the track record hold."""

from __future__ import annotations

import datetime as dt

from service.answers.issue_loader import IssueLoader
from service.answers.service_metrics import JOBS, vitals
from service.answers.status import status
from service.answers.track_record import track_record
from service.core import run_store
from service.core.context import Context
from service.core.locks import SCHEDULER
from service.issues.score import score
from tests.service.support import ROUTE, Hand, publish, random_paths, utc


def run(context: Context, job: str, period: str, at: dt.datetime, outcome: str) -> int:
    with context.database.writing() as connection:
        claimed = run_store.claim(connection, job, period, at, ROUTE.name)
        assert claimed is not None
        if outcome != "running":
            run_store.finish(connection, claimed, outcome, None, {}, at + dt.timedelta(hours=1))
    return claimed.run_id


def test_of_a_service_without_issues(empty: Context, clock: Hand) -> None:
    taken = vitals(IssueLoader(empty, clock))
    assert (taken.issued_at, taken.data_through, taken.coverage) == ({}, {}, [])
    assert taken.scored == {"people": 0, "boats": 0}
    assert not taken.has_scheduler
    assert taken.runs_ended == {
        (ROUTE.name, job, how): 0 for job in JOBS for how in ("done", "failed")
    }


def test_of_a_published_service(context: Context, clock: Hand) -> None:
    loader = IssueLoader(context, clock)
    taken = vitals(loader)
    assert (taken.status, taken.reasons) == (status(loader)["status"], [])
    assert taken.data_through == {"people": dt.date(2025, 12, 31), "boats": dt.date(2025, 12, 31)}
    assert taken.issued_at == {s: loader.view(s).issue.issued_at for s in ("people", "boats")}
    assert (
        taken.runs_ended[ROUTE.name, "refit", "done"]
        == taken.runs_ended[ROUTE.name, "ingest", "done"]
        == 1
    )
    assert taken.runs_ended[ROUTE.name, "refit", "failed"] == 0
    assert set(taken.last_done) == {(ROUTE.name, "ingest"), (ROUTE.name, "refit")}


def test_each_reason_once(context: Context) -> None:
    taken = vitals(IssueLoader(context, Hand(utc(2026, 11, 21, 12))))
    assert (taken.status, taken.reasons) == ("stale", ["figures_old"])


def test_whether_a_process_schedules(empty: Context, clock: Hand) -> None:
    loader = IssueLoader(empty, clock)
    with empty.database.alone(SCHEDULER):
        assert vitals(loader).has_scheduler
    assert not vitals(loader).has_scheduler


def test_coverage_is_taken_anew_when_a_score_has_come(filled: Context, clock: Hand) -> None:
    loader = IssueLoader(filled, clock)
    assert vitals(loader).coverage == []
    for week in range(2):
        at = utc(2025, 11, 3 + 7 * week, 12)
        paths = {"climatology": random_paths(f"2025-11-{2 + 7 * week:02}", 28)}
        publish(filled.database, paths, run(filled, "refit", f"{week}", at, "done"), at)
        score(filled, f"week {week}")
        taken = vitals(loader)
        assert taken.scored == {"people": week + 1, "boats": 0}
        rows = {row["measure"]: row for row in track_record(loader, "people")["rows"]}
        assert {(c.series_id, c.measure, c.level): c.ratio for c in taken.coverage} == {
            ("people", measure, level): row[f"coverage{level}"]
            for measure, row in rows.items()
            for level in (50, 80, 95)
            if row[f"coverage{level}"] is not None
        }
        assert vitals(loader) == taken
