import datetime as dt

from service.core import run_store, service_metrics_store
from tests.service.support import NOW, ROUTE, record_run


def add_run(database, job, outcome, days_ago):
    moment = NOW - dt.timedelta(days=days_ago)
    record_run(database, f"{outcome} {days_ago}", moment, job=job, outcome=outcome)


def count_runs(database):
    with database.reading() as connection:
        return service_metrics_store.count_ended_runs(connection)


def test_ended_runs_are_counted_even_when_pruned(database):
    """A counter that decreased would look like a reset."""
    assert count_runs(database) == {}
    for days in range(9, -1, -1):
        for outcome in ("done", "failed"):
            add_run(database, "ingest", outcome, days)
    for outcome, days in (("done", 1), ("failed", 1), ("running", 0)):
        add_run(database, "refit", outcome, days)
    numbers = {"ingest": 10, "refit": 1}
    expected = {
        (ROUTE.name, job, end): n for job, n in numbers.items() for end in ("done", "failed")
    }
    assert count_runs(database) == expected
    for keep, n_pruned in ((5, 8), (2, 6), (2, 0)):
        with database.writing() as connection:
            assert run_store.prune_runs(connection, NOW - dt.timedelta(days=keep)) == n_pruned
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
            counts.append(service_metrics_store.count_ended_runs(connection))
            run_store.finish_run(connection, claimed, outcome, None, {}, NOW)
            counts.append(service_metrics_store.count_ended_runs(connection))
    assert counts == [{}] * 5 + [{("", "ingest", "done"): 1}]
    add_run(database, "refit", "stopped", 9)
    add_run(database, "refit", "stopped", 8)
    with database.writing() as connection:
        assert run_store.prune_runs(connection, NOW - dt.timedelta(days=1)) == 1
    assert count_runs(database) == counts[-1], "nor when pruned"
