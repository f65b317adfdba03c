"""A job that is killed leaves the store as before or as after, never between."""

from __future__ import annotations

import datetime as dt
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from service.core.context import Context, open_context
from service.core.settings import Settings
from service.core.tables import documents, fetches, observations
from service.data.ingest import ingest
from tests.support import ods
from tests.support.forked import Forked

FIRST = dt.date(2019, 1, 1)
EARLIER = ods.workbook(ods.some_days(FIRST, 500), "2020-05-16T13:00:00Z")
DAYS = [(day, people + (boats > 0), boats) for day, people, boats in ods.some_days(FIRST, 600)]
LATER = ods.workbook(DAYS, "2020-08-25T13:00:00Z")
TABLES = (observations, documents, fetches)


class Forks(Forked):
    """Ingests, each in a fork that may be killed."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        include = {"database_url", "var_dir"}
        self.settings = context.settings.model_dump(mode="json", include=include)

    def ingest(self, file: Path, kill_after: float | None = None) -> tuple[bool, float]:
        """Whether it came to its end, and how long it took."""
        pid = self.start(self.settings, source="workbook", file=str(file))
        began = time.monotonic()
        if kill_after is None:
            status = self.wait(pid)
        else:
            time.sleep(kill_after)
            status = self.end(pid)
        assert status in (0, signal.SIGKILL)
        return status == 0, time.monotonic() - began


@pytest.fixture
def context(database_url: str, tmp_path: Path) -> Iterator[Context]:
    opened = open_context(Settings(database_url=database_url, var_dir=tmp_path / "var"))
    yield opened
    opened.database.close()


@pytest.fixture
def forks(context: Context) -> Iterator[Forks]:
    forks = Forks(context)
    yield forks
    forks.close()


def dump(context: Context) -> list[list[tuple[Any, ...]]]:
    """Every row of what an ingest writes, but for numbers and the moment of reading."""
    left_out = ("observation_id", "document_id", "first_seen_at", "fetched_at")
    found = []
    with context.database.reading() as connection:
        for table in TABLES:
            columns = [column for column in table.columns if column.name not in left_out]
            found.append(sorted(map(tuple, connection.execute(sa.select(*columns))), key=repr))
    return found


def restore(context: Context, file: Path) -> None:
    with context.database.writing() as connection:
        for table in TABLES:
            connection.execute(table.delete())
    ingest(context, "workbook", file)


def kill_often(context: Context, forks: Forks, tmp_path: Path, times: int, seed: int) -> None:
    earlier, later = tmp_path / "earlier.ods", tmp_path / "later.ods"
    earlier.write_bytes(EARLIER)
    later.write_bytes(LATER)
    restore(context, earlier)
    before = dump(context)
    is_done, seconds = forks.ingest(later)
    after = dump(context)
    assert is_done
    assert before != after
    restore(context, earlier)
    rng, ends = random.Random(seed), []
    for _ in range(times):
        forks.ingest(later, rng.uniform(0, 1.1 * seconds))
        found = dump(context)
        assert found in (before, after), "the store is between before and after"
        ends.append(found == after)
        if ends[-1]:
            restore(context, earlier)
    assert forks.ingest(later)[0]
    assert dump(context) == after
    assert not all(ends), "no kill came in time"
    pieces = [path for path in (tmp_path / "var" / "raw").rglob("*") if path.is_file()]
    assert {path.read_bytes() for path in pieces if path.suffix == ".ods"} <= {EARLIER, LATER}


def test_ten_kills(context: Context, forks: Forks, tmp_path: Path) -> None:
    kill_often(context, forks, tmp_path, 10, seed=1)


@pytest.mark.long
def test_a_hundred_kills(context: Context, forks: Forks, tmp_path: Path) -> None:
    kill_often(context, forks, tmp_path, 100, seed=int(time.time()))
