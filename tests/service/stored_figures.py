"""Helpers for tests of ingestion: store figures, read rows, and read the result of a run."""

import datetime as dt
from typing import NamedTuple

import pytest
import sqlalchemy as sa

from service.core.database import Database
from service.core.job_runner import JobError
from service.core.secrets import strip_folders
from service.core.tables import documents
from service.core.tables import observations as table
from service.data import observation_store
from service.data.ingest import OTHER, ingest
from service.data.source import Document
from tests.service.support import latest_run


class Figure(NamedTuple):
    """A count as stated by a source, which may mark it "Revised"."""

    series_id: str
    date: dt.date
    value: int
    source: str
    published_at: dt.datetime | None = None
    is_marked: bool = False


def store_as_documents(connection, route, figures, seen_at, assume_known=False):
    """Store `figures` as documents and return the changes.

    Undated ones are known since now, unless `assume_known`.
    """
    documents = {}
    for one in figures:
        documents.setdefault((one.source, one.published_at), []).append(one)
    changes = []
    for (source, published_at), stated in documents.items():
        by_series = {}
        for one in stated:
            by_series.setdefault(one.series_id, {})[one.date] = one.value
        marked = frozenset((one.series_id, one.date) for one in stated if one.is_marked)
        document = Document(source, "a test", published_at, by_series, marked)
        known_at = None if assume_known or published_at else seen_at
        changes += observation_store.store_figures(connection, route, document, seen_at, known_at)
    return changes


def _database(owner):
    return owner if isinstance(owner, Database) else owner.database


def list_rows(owner, *without):
    """Return every row of the figures except its id, in order."""
    columns = [c for c in table.columns if c.name not in ("observation_id", *without)]
    order = (table.c.series_id, table.c.date, table.c.known_at, table.c.source)
    with _database(owner).reading() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(*order))]


def delete_figures(owner):
    with _database(owner).writing() as connection:
        connection.execute(table.delete())
        connection.execute(documents.delete())


def current_figures(context, series_id="people"):
    with context.database.reading() as connection:
        rows = observation_store.list_current(connection, series_id)
        return {row.date: (row.value, row.source) for row in rows}


def ingest_failure(context, *arguments):
    """Return the reason of a failed ingestion, which the run records in one line."""
    with pytest.raises(JobError) as caught:
        ingest(context, *arguments)
    message = str(caught.value)
    assert "\n" not in message
    source = arguments[0] if arguments else context.settings.source
    job = "ingest" if source == context.settings.source else OTHER
    run = latest_run(context, job)
    assert (run.outcome, run.reason) == ("failed", strip_folders(message))
    return message


def list_raw_files(context):
    files = (context.settings.var_dir / "raw").rglob("*")
    return [path.read_bytes() for path in files if path.is_file()]
