"""What the tests of ingests look at: every row, and how a run ended."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from service.core import run_store
from service.core.context import Context
from service.core.database import Database
from service.core.job_runner import JobError
from service.core.secrets import without_folders
from service.core.tables import documents
from service.core.tables import observations as table
from service.data import observation_store
from service.data.ingest import OTHER, ingest


def _database(owner: Context | Database) -> Database:
    return owner if isinstance(owner, Database) else owner.database


def dump(owner: Context | Database, *without: str) -> list[tuple[Any, ...]]:
    """Every row of the figures but its number, in order."""
    columns = [c for c in table.columns if c.name not in ("observation_id", *without)]
    order = (table.c.series_id, table.c.date, table.c.known_at, table.c.source)
    with _database(owner).reading() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(*order))]


def forget(owner: Context | Database) -> None:
    with _database(owner).writing() as connection:
        connection.execute(table.delete())
        connection.execute(documents.delete())


def known(context: Context, series_id: str = "people") -> dict[dt.date, tuple[int, str]]:
    with context.database.reading() as connection:
        rows = observation_store.current(connection, series_id)
        return {row.date: (row.value, row.source) for row in rows}


def failed(context: Context, *arguments: Any) -> str:
    """The reason of a failed ingest, in one line, as the run keeps it."""
    with pytest.raises(JobError) as caught:
        ingest(context, *arguments)
    said = str(caught.value)
    assert "\n" not in said
    source = arguments[0] if arguments else context.settings.source
    job = "ingest" if source == context.settings.source else OTHER
    with context.database.reading() as connection:
        run = run_store.latest(connection, job)
    assert run is not None
    assert (run.outcome, run.reason) == ("failed", without_folders(said))
    return said


def kept(context: Context) -> list[bytes]:
    files = (context.settings.var_dir / "raw").rglob("*")
    return [path.read_bytes() for path in files if path.is_file()]
