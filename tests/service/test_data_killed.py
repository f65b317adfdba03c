"""A killed ingest leaves the store as before it or as after it, never in between."""

import datetime as dt
import random
import signal
import time

import pytest
import sqlalchemy as sa

from service.core.context import open_context
from service.core.settings import Settings
from service.core.tables import documents, fetches, observations
from service.data.ingest import ingest
from tests.support import ods
from tests.support.forked_jobs import Forked

FIRST = dt.date(2019, 1, 1)
EARLIER = ods.workbook(ods.some_days(FIRST, 500), "2020-05-16T13:00:00Z")
DAYS = [(day, people + (boats > 0), boats) for day, people, boats in ods.some_days(FIRST, 600)]
LATER = ods.workbook(DAYS, "2020-08-25T13:00:00Z")
TABLES = (observations, documents, fetches)


class Forks(Forked):
    """Runs ingests, each in a fork that may be killed."""

    def ingest(self, context, file, kill_after=None):
        """Return whether the ingest completed, and its duration in seconds."""
        settings = context.settings.model_dump(mode="json", include={"database_url", "var_dir"})
        pid = self.start(settings, source="workbook", file=str(file))
        began = time.monotonic()
        if kill_after is None:
            status = self.wait(pid)
        else:
            time.sleep(kill_after)
            status = self.end(pid)
        assert status in (0, signal.SIGKILL)
        return status == 0, time.monotonic() - began


@pytest.fixture
def context(database_url, tmp_path):
    opened = open_context(Settings(database_url=database_url, var_dir=tmp_path / "var"))
    yield opened
    opened.database.close()


@pytest.fixture(scope="module")
def forks():
    forks = Forks()
    yield forks
    forks.close()


def dump_tables(context):
    """Return all rows that an ingest writes, without their ids and the time of reading."""
    omitted = ("observation_id", "document_id", "first_seen_at", "fetched_at")
    tables = []
    with context.database.reading() as connection:
        for table in TABLES:
            columns = [column for column in table.columns if column.name not in omitted]
            tables.append(sorted(map(tuple, connection.execute(sa.select(*columns))), key=repr))
    return tables


def store_only(context, file):
    with context.database.writing() as connection:
        for table in TABLES:
            connection.execute(table.delete())
    ingest(context, "workbook", file)


@pytest.mark.parametrize("times", [10, pytest.param(100, marks=pytest.mark.long)])
def test_killed_ingest_is_stored_whole_or_not_at_all(context, forks, tmp_path, times):
    earlier, later = tmp_path / "earlier.ods", tmp_path / "later.ods"
    earlier.write_bytes(EARLIER)
    later.write_bytes(LATER)
    store_only(context, earlier)
    before = dump_tables(context)
    is_done, seconds = forks.ingest(context, later)
    after = dump_tables(context)
    assert is_done
    assert before != after
    store_only(context, earlier)
    is_stored = []
    rng = random.Random(1 if times == 10 else int(time.time()))
    for _ in range(times):
        forks.ingest(context, later, rng.uniform(0, 1.1 * seconds))
        state = dump_tables(context)
        assert state in (before, after), "partly stored"
        is_stored.append(state == after)
        if is_stored[-1]:
            store_only(context, earlier)
    assert forks.ingest(context, later)[0]
    assert dump_tables(context) == after
    assert not all(is_stored), "every kill came too late"
    files = [path for path in (tmp_path / "var" / "raw").rglob("*") if path.is_file()]
    assert {path.read_bytes() for path in files if path.suffix == ".ods"} <= {EARLIER, LATER}
