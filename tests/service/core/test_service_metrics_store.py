from __future__ import annotations

import datetime as dt

from service.core import run_store, service_metrics_store
from service.core.database import Database
from tests.service.support import NOW


def ended(database: Database, job: str, outcome: str, days_ago: int) -> None:
    moment = NOW - dt.timedelta(days=days_ago)
    with database.writing() as connection:
        claimed = run_store.claim(connection, job, f"{outcome} {days_ago}", moment)
        assert claimed
        if outcome != "running":
            run_store.finish(connection, claimed, outcome, None, {}, moment)


def counted(database: Database) -> dict[tuple[str, str, str], int]:
    with database.reading() as connection:
        return service_metrics_store.runs_ended(connection)


def test_runs_are_counted_by_job_and_outcome(database: Database) -> None:
    assert counted(database) == {}
    for job, outcome, days in (
        *(("ingest", "done", day) for day in range(5)),
        *(("ingest", "failed", 3), ("refit", "done", 1), ("refit", "running", 0)),
    ):
        ended(database, job, outcome, days)
    expected = {("", "ingest", "done"): 5, ("", "ingest", "failed"): 1, ("", "refit", "done"): 1}
    assert counted(database) == expected
    with database.reading() as connection:
        assert service_metrics_store.last_done(connection) == {
            ("", "ingest"): NOW,
            ("", "refit"): NOW - dt.timedelta(days=1),
        }


def test_no_count_goes_down_when_a_stopped_run_is_claimed_again(database: Database) -> None:
    seen = []
    with database.writing() as connection:
        for outcome in ("stopped", "stopped", "done"):
            claimed = run_store.claim(connection, "ingest", "monday", NOW)
            assert claimed
            seen.append(service_metrics_store.runs_ended(connection))
            run_store.finish(connection, claimed, outcome, None, {}, NOW)
            seen.append(service_metrics_store.runs_ended(connection))
    assert seen == [{}] * 5 + [{("", "ingest", "done"): 1}]
    ended(database, "refit", "stopped", 9)
    ended(database, "refit", "stopped", 8)
    with database.writing() as connection:
        assert run_store.prune(connection, NOW - dt.timedelta(days=1)) == 1
    assert counted(database) == seen[-1], "nor when it is deleted"


def test_what_was_counted_stays_counted_when_old_rows_are_deleted(database: Database) -> None:
    """A count that went down would look as if as many had run anew."""
    for day in range(9, -1, -1):
        ended(database, "ingest", "done", day)
        ended(database, "ingest", "failed", day)
    before = counted(database)
    for keep, expected in ((5, 8), (2, 6), (2, 0)):
        with database.writing() as connection:
            assert run_store.prune(connection, NOW - dt.timedelta(days=keep)) == expected
        assert counted(database) == before
