from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from service.core.context import Context
from service.core.job_runner import Outcome, run_job
from service.data import ingest, observation_store
from service.issues import hindcast, issue_store, refit
from tests.service.stored_figures import Figure, store_as_documents
from tests.service.stored_issues import with_settings
from tests.service.support import ROUTE

WEEKS = 3


@pytest.fixture
def quick(filled: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(hindcast, "ORIGINS", WEEKS)
    return with_settings(filled, champion_origins=4)


def hindcast_origins(context: Context) -> list[str]:
    with context.database.reading() as connection:
        columns = issue_store.issues.c
        rows = connection.execute(
            issue_store.issues.select().where(
                columns.kind == "hindcast", columns.series_id == "people"
            )
        )
        return sorted({str(row.data_through) for row in rows})


def test_replay_waits_for_ingest_and_first_issue(
    quick: Context,
) -> None:
    assert hindcast.replay(quick).outcome == "skipped"
    refit.refit(quick, period="first")
    live = with_settings(quick, source="declared", routes="channel,italy")
    _, italy = live.each_route()
    run_job(italy, "ingest", lambda _: Outcome("done", "read", {"source": "declared"}))
    assert hindcast.replay(live).outcome == "skipped"
    assert hindcast_origins(quick) == [], "its own source has not been read yet"


def test_stopped_replay_resumes(quick: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest.ingest(quick)
    refit.refit(quick, period="first")
    make, calls = hindcast._make, []

    def stop_second_call(*args: Any, **kwargs: Any) -> str:
        calls.append(args)
        if len(calls) == 2:
            raise SystemExit
        return make(*args, **kwargs)

    monkeypatch.setattr(hindcast, "_make", stop_second_call)
    with pytest.raises(SystemExit):
        hindcast.replay(quick)
    assert hindcast_origins(quick) == ["2025-12-21"]
    assert hindcast.replay(quick).reason == "2 of 2 weeks before the first start replayed"
    assert hindcast_origins(quick) == ["2025-12-07", "2025-12-14", "2025-12-21"]
    assert hindcast.replay(quick).outcome == "skipped"
    assert len(calls) == WEEKS + 1


def test_bulk_figures_count_as_known_on_next_day(
    empty: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a workbook published long after its days would leave nothing to replay."""
    monkeypatch.setattr(hindcast, "ORIGINS", WEEKS)
    ingest.ingest(empty)
    with empty.database.reading() as connection:
        figures = observation_store.get_common_series(
            connection, ("people", "boats"), dt.date(2025, 12, 31)
        )
    refit.refit(empty, period="first")
    late = dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)
    bulk = [
        Figure(name, dt.date(2026, 1, 1) + dt.timedelta(days=n), 5 - n % 5, "workbook", late)
        for name in figures
        for n in range(40)
    ]
    with empty.database.writing() as connection:
        store_as_documents(connection, ROUTE, bulk, late)
    assert hindcast.replay(empty).outcome == "done"
    assert hindcast_origins(empty) == ["2026-01-18", "2026-01-25", "2026-02-01"]
