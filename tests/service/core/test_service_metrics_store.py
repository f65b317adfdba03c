from __future__ import annotations

import datetime as dt

from service.core import run_store, service_metrics_store
from tests.service.support import NOW, ROUTE, record_run


def add_run(database, job, outcome, days_ago):
    moment = NOW - dt.timedelta(days=days_ago)
    record_run(database, f"{outcome} {days_ago}", moment, job=job, outcome=outcome)


def count_runs(database):
    with database.reading() as connection:
        return service_metrics_store.count_ended_runs(connection)


def test_ended_runs_are_counted_by_job_and_outcome(database):
    assert count_runs(database) == {}
    for job, outcome, days in (
        *(("ingest", "done", day) for day in range(5)),
        *(("refit", "done", 1), ("refit", "failed", 0), ("refit", "running", 0)),
    ):
        add_run(database, job, outcome, days)
    expected = {
        (ROUTE.name, "ingest", "done"): 5,
        (ROUTE.name, "refit", "done"): 1,
        (ROUTE.name, "refit", "failed"): 1,
    }
    assert count_runs(database) == expected
    with database.reading() as connection:
        assert service_metrics_store.get_last_successes(connection) == {
            (ROUTE.name, "ingest"): NOW,
            (ROUTE.name, "refit"): NOW - dt.timedelta(days=1),
        }


def test_stopped_runs_are_not_counted(database):
    counts = []
    with database.writing() as connection:
        for outcome in ("stopped", "stopped", "done"):
            claimed = run_store.claim_run(connection, "ingest", "monday", NOW)
            assert claimed
            counts.append(service_metrics_store.count_ended_runs(connection))
            run_store.finish_run(connection, claimed, outcome, None, {}, NOW)
            counts.append(service_metrics_store.count_ended_runs(connection))
    assert counts == [{}] * 5 + [{("", "ingest", "done"): 1}]
    add_run(database, "refit", "stopped", 9)
    add_run(database, "refit", "stopped", 8)
    with database.writing() as connection:
        assert run_store.prune_runs(connection, NOW - dt.timedelta(days=1)) == 1
    assert count_runs(database) == counts[-1], "nor when pruned"


def test_counts_include_pruned_runs(database):
    """A counter that decreased would look like a reset."""
    for day in range(9, -1, -1):
        add_run(database, "ingest", "done", day)
        add_run(database, "ingest", "failed", day)
    before = count_runs(database)
    for keep, expected in ((5, 8), (2, 6), (2, 0)):
        with database.writing() as connection:
            assert run_store.prune_runs(connection, NOW - dt.timedelta(days=keep)) == expected
        assert count_runs(database) == before
