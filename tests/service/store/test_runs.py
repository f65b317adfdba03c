from __future__ import annotations

import datetime as dt
import threading

from service.store import runs
from service.store.database import Database
from tests.service.support import NOW


def test_a_period_is_claimed_once(database: Database) -> None:
    with database.writing() as connection:
        assert runs.claim(connection, "ingest", "monday", NOW) is not None
        assert runs.claim(connection, "ingest", "monday", NOW) is None
        assert runs.claim(connection, "refit", "monday", NOW) is not None
        assert runs.claim(connection, "ingest", "tuesday", NOW) is not None


def test_one_of_many_claims_wins(database: Database) -> None:
    won: list[int | None] = []

    def claim() -> None:
        with database.writing() as connection:
            won.append(runs.claim(connection, "ingest", "monday", NOW))

    threads = [threading.Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 6
    assert len([run_id for run_id in won if run_id is not None]) == 1


def test_how_a_run_ended_is_kept(database: Database) -> None:
    later = NOW + dt.timedelta(seconds=90)
    with database.writing() as connection:
        run_id = runs.claim(connection, "ingest", "monday", NOW)
        assert run_id is not None
        running = runs.latest(connection, "ingest")
        assert running is not None
        assert (running.outcome, running.finished_at) == ("running", None)
        runs.finish(connection, run_id, "done", "5 new", {"new": 5}, later)
    with database.reading() as connection:
        run = runs.latest(connection, "ingest")
    assert run == runs.Run(run_id, "ingest", "monday", NOW, later, "done", "5 new", {"new": 5})


def test_the_latest_with_an_outcome(database: Database) -> None:
    with database.writing() as connection:
        for period, outcome in (("a", "done"), ("b", "failed"), ("c", "skipped")):
            run_id = runs.claim(connection, "ingest", period, NOW)
            assert run_id is not None
            runs.finish(connection, run_id, outcome, None, {}, NOW)
    with database.reading() as connection:
        found = [runs.latest(connection, "ingest", o) for o in (None, "done", "failed")]
        assert [run.period for run in found if run] == ["c", "a", "b"]
        assert runs.latest(connection, "ingest", "running") is None
        assert runs.latest(connection, "refit") is None
