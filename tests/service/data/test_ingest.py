"""The ingest job: embedded figures, files, and a declared table from its address."""

import datetime as dt

import pytest

from service.app import create_app
from service.core.context import Context, open_context
from service.core.job_runner import JobError
from service.core.settings import Settings
from service.data import csv_rows, observation_store
from service.data.ingest import ingest
from tests.service.core.test_route_files import ROUTE, declare
from tests.service.data.test_collect import write_csv
from tests.service.stored_figures import current_figures, ingest_failure, list_rows
from tests.service.support import declare_quick_models, utc
from tests.support.sites import SiteResponse, endless
from tests.support.waiting import BOUND

PATH = "/landings.csv"
FIRST = {"2024-10-16": 60, "2024-10-17": 100, "2024-10-18": 0}


def test_embedded_figures_are_stored_once_and_revised_by_a_file(empty, tmp_path):
    outcome = ingest(empty, period="monday")
    assert outcome.reason == "5844 new, 0 revised, 0 unchanged from figures, to 2025-12-31"
    rows = list_rows(empty)
    assert len(rows) == 5844
    assert ingest(empty, period="monday").outcome == "skipped"
    second = ingest(empty)
    assert second.reason == "0 new, 0 revised, 5844 unchanged from figures, to 2025-12-31"
    assert list_rows(empty) == rows
    repeated = "2025-12-29,0,0"
    file = write_csv(tmp_path, repeated, "2025-12-30,1,1", "2025-12-31,2,1", "2026-01-01,3,1")
    outcome = ingest(empty, "csv", file)
    assert (outcome.detail["new"], outcome.detail["revised"]) == (2, 4)
    with empty.database.reading() as connection:
        people = observation_store.get_series(connection, "people")
        before = observation_store.get_series(connection, "people", utc(2026, 1, 2, 14))
    assert people.values[-3:].tolist() == [1, 2, 3]
    sources = [source for _, source in current_figures(empty).values()]
    assert sources[-4:] == ["figures", "csv", "csv", "csv"]
    assert str(before.data_through) == "2026-01-01", "known from the next day on"
    assert before.values[-3:-1].tolist() == [0, 0], "corrections are known from when they are read"


def test_ingest_of_a_users_file_does_not_affect_status(context, clock, tmp_path):
    """Its failure is not shown, with its path, and its success does not hide another failure."""

    def get_status():
        response = create_app(live, clock).test_client().get("/v1/status")
        assert str(tmp_path) not in response.text
        return response.json["status"], [reason["name"] for reason in response.json["reasons"]]

    broken = {"source": "declared", "govuk_url": "http://127.0.0.1:9", "fetch_attempts": 1}
    live = Context(context.settings.model_copy(update=broken), context.database)
    ingest_failure(live, "csv", write_csv(tmp_path, "2025-01-01,-1,1"))
    assert get_status() == ("fresh", [])
    ingest_failure(live)
    ingest(live, "csv", write_csv(tmp_path, "2026-01-01,5,1"))
    assert get_status() == ("degraded", ["ingest_failed"])


@pytest.fixture
def declared(tmp_path, sites):
    """The context of a route that declares a table at an address."""
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


def publish(sites, counts, content_type="text/csv"):
    rows = "\n".join(f"{day},{count}" for day, count in counts.items())
    sites.replies[PATH] = SiteResponse(f"date,arrived\n{rows}".encode(), content_type)


def read_stored(context):
    with context.database.reading() as connection:
        rows = observation_store.list_current(connection, "landings")
    return {row.date.isoformat(): row.value for row in rows}


def test_new_days_and_small_revisions_of_a_table_are_stored_but_no_contradictions(declared, sites):
    publish(sites, FIRST)
    assert ingest(declared).reason.startswith("3 new, 0 revised, 0 unchanged from 127.0.0.1")
    day = dt.date(2024, 10, 16)
    with declared.database.reading() as connection:
        (row,) = observation_store.list_current(connection, "landings", first=day, last=day)
    assert row.known_at == dt.datetime(2024, 10, 17, 12, tzinfo=dt.UTC)  # 14:00 in Rome
    without_last_day = dict(list(FIRST.items())[:-1])
    for counts, error in (
        (FIRST | {"2024-10-17": 900}, "expected 100 as published before"),
        (without_last_day, "2024-10-18: expected 0 as published before, found no such day"),
    ):
        publish(sites, counts)
        assert error in ingest_failure(declared)
        assert read_stored(declared) == FIRST
    revised = FIRST | {"2024-10-17": 110, "2024-10-19": 4}
    publish(sites, revised)
    assert ingest(declared).detail["revised"] == 1
    assert read_stored(declared) == revised


def test_html_and_endless_response_are_rejected(declared, sites, monkeypatch):
    publish(sites, FIRST, content_type="text/html")
    with pytest.raises(JobError, match="content of type text/csv or .*, found text/html"):
        ingest(declared)
    monkeypatch.setattr(csv_rows, "LARGEST_BYTES", 1_000_000)
    sites.replies[PATH] = SiteResponse(kind="text/csv", behave=endless)
    with pytest.raises(JobError, match="expected at most 1,000,000 bytes, found more"):
        ingest(declared)
    assert read_stored(declared) == {}
