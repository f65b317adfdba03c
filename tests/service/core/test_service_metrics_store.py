import datetime as dt

from service.core import run_store, service_metrics_store
from tests.service.support import NOW, ROUTE, record_run


def test_ended_runs_are_counted_with_their_last_end(database):
    with database.writing() as connection:
        run_store.request_run(connection, "compare", "a", NOW, ROUTE.name)
        assert service_metrics_store.get_ended_runs(connection) == {}
    ends = [("ingest", "done", 2), ("ingest", "failed", 1), ("ingest", "done", 1)]
    for job, outcome, hours in [*ends, ("refit", "done", 3), ("refit", "running", 0)]:
        moment = NOW - dt.timedelta(hours=hours)
        record_run(database, f"{outcome} {hours}", moment, job=job, outcome=outcome)
    with database.reading() as connection:
        assert service_metrics_store.get_ended_runs(connection) == {
            (ROUTE.name, "ingest", "done"): (2, NOW - dt.timedelta(hours=1)),
            (ROUTE.name, "ingest", "failed"): (1, NOW - dt.timedelta(hours=1)),
            (ROUTE.name, "refit", "done"): (1, NOW - dt.timedelta(hours=3)),
        }


def test_stopped_runs_are_not_counted(database):
    """A counter that decreased would look like a reset."""
    counts = []
    with database.writing() as connection:
        for outcome in ("stopped", "stopped", "done"):
            claimed = run_store.claim_run(connection, "ingest", "monday", NOW)
            counts.append(service_metrics_store.get_ended_runs(connection))
            run_store.finish_run(connection, claimed, outcome, None, {}, NOW)
            counts.append(service_metrics_store.get_ended_runs(connection))
    assert counts == [{}] * 5 + [{("", "ingest", "done"): (1, NOW)}]
