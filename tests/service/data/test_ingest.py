from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from service.app import create_app
from service.core.clock import utc_now
from service.core.context import Context
from service.core.job_runner import JobError
from service.core.tables import observations as table
from service.data import observation_store
from service.data.ingest import ingest
from tests.service.stored_figures import ingest_failure
from tests.service.support import ROUTE, utc


def count_rows(context):
    with context.database.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def write_csv(folder, *rows):
    file = folder / "figures.csv"
    file.write_text("\n".join(("date,people,boats", *rows)) + "\n")
    return file


def test_embedded_figures_are_stored_once(empty):
    outcome = ingest(empty)
    assert outcome.reason == "5844 new, 0 revised, 0 unchanged from figures, to 2025-12-31"
    assert count_rows(empty) == 5844
    second = ingest(empty)
    assert second.reason == "0 new, 0 revised, 5844 unchanged from figures, to 2025-12-31"
    assert count_rows(empty) == 5844
    with empty.database.reading() as connection:
        assumed = connection.execute(sa.select(table.c.known_at_assumed).distinct()).scalars().all()
    assert assumed == [True]


def test_csv_adds_and_revises_figures(empty, tmp_path):
    ingest(empty)
    file = write_csv(tmp_path, "2025-12-30,1,1", "2025-12-31,2,1", "2026-01-01,3,1")
    outcome = ingest(empty, "csv", file)
    assert outcome.detail["new"] == 2
    assert outcome.detail["revised"] >= 2
    with empty.database.reading() as connection:
        people = observation_store.get_series(connection, "people")
        before = observation_store.get_series(connection, "people", utc(2026, 1, 1, 14))
    assert people.values[-3:].tolist() == [1, 2, 3]
    assert str(before.data_through) == "2025-12-31"
    assert before.values[-2:].tolist() != [1, 2]


def test_invalid_csv_stores_nothing(empty, tmp_path):
    error = ingest_failure(empty, "csv", write_csv(tmp_path, "2025-01-01,1,1", "2025-01-03,1,1"))
    assert "figures.csv, row 3" in error
    assert count_rows(empty) == 0


def test_ingest_of_a_users_file_does_not_affect_status(context, clock, tmp_path):
    """Neither failure nor success changes it, and the path is not shown."""
    client = create_app(context, clock).test_client()
    before = client.get("/v1/status").json
    with pytest.raises(JobError):
        ingest(context, "csv", write_csv(tmp_path, "2025-01-01,-1,1"))
    after = client.get("/v1/status")
    assert after.json["status"] == before["status"] == "fresh"
    assert after.json["jobs"] == before["jobs"]
    assert str(tmp_path) not in after.text + client.get("/").text
    # A file read after the configured source has failed does not hide that failure.
    broken = context.settings.model_copy(
        update={"source": "declared", "govuk_url": "http://127.0.0.1:9", "fetch_attempts": 1}
    )
    live = Context(broken, context.database)
    with pytest.raises(JobError):
        ingest(live)
    ingest(live, "csv", write_csv(tmp_path, "2026-01-01,5,1"))
    response = create_app(live, clock).test_client().get("/v1/status").json
    assert response["status"] == "degraded"
    assert [reason["name"] for reason in response["reasons"]] == ["ingest_failed"]


def test_future_day_is_rejected(empty, tmp_path):
    today = ROUTE.day(utc_now())
    days = [today + dt.timedelta(days=n) for n in (-1, 0, 1)]
    with pytest.raises(JobError, match=f"expected days up to {today}, found {days[-1]}"):
        ingest(empty, "csv", write_csv(tmp_path, *(f"{day},1,1" for day in days)))
    assert count_rows(empty) == 0
    ingest(empty, "csv", write_csv(tmp_path, *(f"{day},1,1" for day in days[:2])))
    with empty.database.reading() as connection:
        people = observation_store.get_series(connection, "people", utc_now())
    assert people.data_through == today


def test_period_is_ingested_once(empty):
    assert ingest(empty, period="monday").outcome == "done"
    assert ingest(empty, period="monday").outcome == "skipped"
