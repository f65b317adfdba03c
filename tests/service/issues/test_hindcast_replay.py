from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from service.core.context import Context
from service.data import ingest, observation_store
from service.issues import hindcast, issue_store, refit
from tests.service.issued import changed
from tests.service.stored import Figure, record
from tests.service.support import ROUTE

WEEKS = 3


@pytest.fixture
def quick(filled: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(hindcast, "ORIGINS", WEEKS)
    return changed(filled, champion_origins=4)


def origins(context: Context) -> list[str]:
    with context.database.reading() as connection:
        kinds = issue_store.issues.c
        rows = connection.execute(
            issue_store.issues.select().where(kinds.kind == "hindcast", kinds.series_id == "people")
        )
        return sorted({str(row.data_through) for row in rows})


def test_nothing_is_replayed_before_the_source_was_read_and_a_forecast_published(
    quick: Context,
) -> None:
    assert hindcast.replay(quick).outcome == "skipped"
    refit.refit(quick, period="first")
    live = changed(quick, source="declared")  # which nobody has read yet
    assert hindcast.replay(live).outcome == "skipped"
    assert origins(quick) == []


def test_what_was_stopped_goes_on_where_it_was(
    quick: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest.ingest(quick)
    refit.refit(quick, period="first")
    make, begun = hindcast._make, []

    def stop_at_the_second(*arguments: Any, **more: Any) -> str:
        begun.append(arguments)
        if len(begun) == 2:
            raise SystemExit
        return make(*arguments, **more)

    monkeypatch.setattr(hindcast, "_make", stop_at_the_second)
    with pytest.raises(SystemExit):
        hindcast.replay(quick)
    assert origins(quick) == ["2025-12-21"]
    assert hindcast.replay(quick).reason == "2 of 2 weeks before the first start replayed"
    assert origins(quick) == ["2025-12-07", "2025-12-14", "2025-12-21"]
    assert hindcast.replay(quick).outcome == "skipped"
    assert len(begun) == WEEKS + 1


def test_figures_first_read_in_bulk_count_as_known_on_the_day_after(
    empty: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workbook published long after its days would else leave nothing to replay."""
    monkeypatch.setattr(hindcast, "ORIGINS", WEEKS)
    ingest.ingest(empty)
    with empty.database.reading() as connection:
        known = observation_store.known_together(
            connection, ("people", "boats"), dt.date(2025, 12, 31)
        )
    refit.refit(empty, period="first")
    late = dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)
    bulk = [
        Figure(name, dt.date(2026, 1, 1) + dt.timedelta(days=n), 5 - n % 5, "workbook", late)
        for name in known
        for n in range(40)
    ]
    with empty.database.writing() as connection:
        record(connection, ROUTE, bulk, late)
    assert hindcast.replay(empty).outcome == "done"
    assert origins(empty) == ["2026-01-18", "2026-01-25", "2026-02-01"]
