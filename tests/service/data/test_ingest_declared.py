"""Ingest of a declared table from its address."""

from __future__ import annotations

import datetime as dt

import pytest

from service.core.context import open_context
from service.core.job_runner import JobError
from service.core.settings import Settings
from service.data import csv_rows, observation_store
from service.data.ingest import ingest
from tests.service.core.test_route_files import ROUTE, declare
from tests.service.support import declare_quick_models
from tests.support.sites import SiteResponse, endless
from tests.support.waiting import BOUND

PATH = "/landings.csv"
FIRST = ("2024-10-16,60", "2024-10-17,100", "2024-10-18,0")


@pytest.fixture
def context(tmp_path, sites):
    declaration = ROUTE.replace('file = "landings.csv"', f'address = "{sites.url}{PATH}"')
    declaration = declaration.replace("Europe/London", "Europe/Rome")
    context = open_context(
        Settings(
            series_dir=declare(tmp_path / "series", declaration),
            var_dir=tmp_path / "var",
            models_dir=declare_quick_models(tmp_path / "models"),
            source="declared",
            weather="off",
            fetch_attempts=1,
            fetch_seconds=BOUND,
        )
    )
    yield context
    context.database.close()


def publish(sites, *rows, content_type="text/csv"):
    sites.replies[PATH] = SiteResponse("\n".join(("date,arrived", *rows)).encode(), content_type)


def read_stored(context):
    with context.database.reading() as connection:
        rows = observation_store.list_current(connection, "landings")
    return {row.date.isoformat(): row.value for row in rows}


def test_new_days_and_small_revisions_are_stored(context, sites):
    publish(sites, *FIRST)
    assert ingest(context).reason.startswith("3 new, 0 revised, 0 unchanged from 127.0.0.1")
    with context.database.reading() as connection:
        (row,) = observation_store.list_current(
            connection, "landings", first=dt.date(2024, 10, 16), last=dt.date(2024, 10, 16)
        )
    assert row.known_at == dt.datetime(2024, 10, 17, 12, tzinfo=dt.UTC)  # 14:00 in Rome
    publish(sites, "2024-10-16,60", "2024-10-17,110", "2024-10-18,0", "2024-10-19,4")
    assert ingest(context).detail["revised"] == 1
    assert read_stored(context) == {
        "2024-10-16": 60,
        "2024-10-17": 110,
        "2024-10-18": 0,
        "2024-10-19": 4,
    }


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        (("2024-10-16,60", "2024-10-17,900", "2024-10-18,0"), "expected 100 as published before"),
        (("2024-10-16,60", "2024-10-17,100"), "2024-10-18: expected 0 as published before, f"),
    ],
)
def test_contradicting_table_is_rejected_and_figures_are_kept(context, sites, rows, error):
    publish(sites, *FIRST)
    ingest(context)
    before = read_stored(context)
    publish(sites, *rows)
    with pytest.raises(JobError) as caught:
        ingest(context)
    assert error in str(caught.value)
    assert read_stored(context) == before


def test_html_and_endless_response_are_rejected(context, sites, monkeypatch):
    publish(sites, *FIRST, content_type="text/html")
    with pytest.raises(JobError, match="content of type text/csv or .*, found text/html"):
        ingest(context)
    monkeypatch.setattr(csv_rows, "LARGEST_BYTES", 1_000_000)
    sites.replies[PATH] = SiteResponse(kind="text/csv", behave=endless)
    with pytest.raises(JobError, match="expected at most 1,000,000 bytes, found more"):
        ingest(context)
    assert read_stored(context) == {}
