from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.app import create_app
from service.core.clock import utc_now
from service.core.context import Context
from service.core.job_runner import JobError
from service.core.tables import observations as table
from service.data import observation_store
from service.data.ingest import ingest
from tests.service.stored import failed
from tests.service.support import ROUTE, Hand, utc


def stored(context: Context) -> int:
    with context.database.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def write(folder: Path, *rows: str, header: str = "date,people,boats") -> Path:
    file = folder / "figures.csv"
    file.write_text("\n".join((header, *rows)) + "\n")
    return file


def test_the_embedded_figures(empty: Context) -> None:
    outcome = ingest(empty)
    assert outcome.reason == "5844 new, 0 revised, 0 unchanged from figures, through 2025-12-31"
    assert stored(empty) == 5844
    again = ingest(empty)
    assert again.reason == "0 new, 0 revised, 5844 unchanged from figures, through 2025-12-31"
    assert stored(empty) == 5844
    with empty.database.reading() as connection:
        assumed = connection.execute(sa.select(table.c.known_at_assumed).distinct()).scalars().all()
    assert assumed == [True]


def test_a_file_adds_and_revises(empty: Context, tmp_path: Path) -> None:
    ingest(empty)
    file = write(tmp_path, "2025-12-30,1,1", "2025-12-31,2,1", "2026-01-01,3,1")
    outcome = ingest(empty, "csv", file)
    assert outcome.detail["new"] == 2
    assert outcome.detail["revised"] >= 2
    with empty.database.reading() as connection:
        people = observation_store.series(connection, "people")
        before = observation_store.series(connection, "people", utc(2026, 1, 1, 14))
    assert people is not None
    assert before is not None
    assert people.values[-3:].tolist() == [1, 2, 3]
    assert str(before.data_through) == "2025-12-31"
    assert before.values[-2:].tolist() != [1, 2]


def test_people_alone_are_enough(empty: Context, tmp_path: Path) -> None:
    ingest(empty, "csv", write(tmp_path, "2025-01-01,5", header="date,people"))
    assert stored(empty) == 1


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        (["2025-01-01,1,1", "2025-01-03,1,1"], "date,people,boats", "row 3"),
        (["2025-01-01,1,1", "2025-01-02,-1,1"], "date,people,boats", "row 3"),
        (["2025-01-01,1"], "date,boats", "a column 'people'"),
    ],
)
def test_a_source_that_breaks_a_rule_stores_nothing(
    empty: Context, tmp_path: Path, rows: list[str], header: str, said: str
) -> None:
    reason = failed(empty, "csv", write(tmp_path, *rows, header=header))
    assert said in reason
    assert "figures.csv" in reason
    assert stored(empty) == 0


def test_a_file_of_somebodys_own_tells_nothing_of_the_service(
    context: Context, clock: Hand, tmp_path: Path
) -> None:
    """Neither its failure nor its success, and not where it lies."""
    client = create_app(context, clock).test_client()
    before = client.get("/v1/status").json
    with pytest.raises(JobError):
        ingest(context, "csv", write(tmp_path, "2025-01-01,-1,1"))
    after = client.get("/v1/status")
    assert after.json["status"] == before["status"] == "fresh"
    assert after.json["jobs"] == before["jobs"]
    assert str(tmp_path) not in after.text + client.get("/").text
    # The source of the settings fails; a file that is read after it does not hide that.
    broken = context.settings.model_copy(
        update={"source": "declared", "govuk_url": "http://127.0.0.1:9", "fetch_attempts": 1}
    )
    live = Context(broken, context.database)
    with pytest.raises(JobError):
        ingest(live)
    ingest(live, "csv", write(tmp_path, "2026-01-01,5,1"))
    found = create_app(live, clock).test_client().get("/v1/status").json
    assert found["status"] == "degraded"
    assert [reason["name"] for reason in found["reasons"]] == ["ingest_failed"]


def test_a_day_that_has_not_begun_has_no_figure(empty: Context, tmp_path: Path) -> None:
    today = ROUTE.day(utc_now())
    days = [today + dt.timedelta(days=n) for n in (-1, 0, 1)]
    with pytest.raises(JobError, match=f"expected days up to {today}, found {days[-1]}"):
        ingest(empty, "csv", write(tmp_path, *(f"{day},1,1" for day in days)))
    assert stored(empty) == 0
    ingest(empty, "csv", write(tmp_path, *(f"{day},1,1" for day in days[:2])))
    with empty.database.reading() as connection:
        people = observation_store.series(connection, "people", utc_now())
    assert people is not None
    assert people.data_through == today


def test_the_end_of_the_calendar_is_one_line(empty: Context, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="found 9999-12-31"):
        ingest(empty, "csv", write(tmp_path, "9999-12-31,1,1"))


def test_a_period_is_ingested_once(empty: Context) -> None:
    assert ingest(empty, period="monday").outcome == "done"
    assert ingest(empty, period="monday").outcome == "skipped"
