"""The real files, ingested in any order."""

import datetime as dt

from service.data import observation_store
from service.data.ingest import ingest
from tests.service.stored_figures import (
    current_figures,
    delete_figures,
    ingest_failure,
    list_rows,
)
from tests.service.support import utc
from tests.support import shared


def list_real_files():
    """Return the source and path of each real file: workbooks and pages by publication time."""
    workbooks = [("workbook", path) for path in shared.workbooks()]
    return [*workbooks, *(("page", path) for path in shared.pages())]


@shared.needed
def test_real_files_give_the_embedded_figures_and_their_history(reader, figures):
    """They are read in the reverse order of publication; the opposite gives the same history."""
    files = list_real_files()
    for source, path in files[::-1]:
        assert ingest(reader, source, path).detail["notes"] == []
    preventions = current_figures(reader, "preventions")
    assert (min(preventions), len(preventions)) == (dt.date(2024, 5, 5), 86)
    assert preventions[dt.date(2025, 12, 21)] == (430, "workbook")
    for series_id, series in figures.items():
        with reader.database.reading() as connection:
            assert observation_store.list_revisions(connection, series_id) == []
        rows = current_figures(reader, series_id)
        assert len(rows) == 2920
        assert max(rows) == dt.date(2025, 12, 29)
        assert all(value == series.on(day) for day, (value, _) in rows.items())
    assert current_figures(reader)[dt.date(2025, 12, 28)][1] == "workbook"
    assert current_figures(reader)[dt.date(2025, 12, 29)][1] == "page"
    before = list_rows(reader)
    assert "expected one table headed" in ingest_failure(reader, "page", shared.prose_page())
    assert list_rows(reader) == before
    last_known = {
        utc(2025, 11, 14, 12): None,
        utc(2025, 11, 14, 13): "2025-11-13",
        utc(2025, 12, 14, 12): "2025-11-13",  # the page of that day leaves a gap before it
        utc(2025, 12, 19, 15): "2025-12-18",
        utc(2025, 12, 21, 9): "2025-12-18",
        utc(2025, 12, 21, 10): "2025-12-20",
        utc(2025, 12, 31, 11): "2025-12-20",
        utc(2025, 12, 31, 12): "2025-12-29",
    }
    with reader.database.reading() as connection:
        for moment, expected in last_known.items():
            series = observation_store.get_series(connection, "people", moment)
            assert (str(series.data_through) if series else None) == expected
        early = observation_store.list_current(connection, "people", utc(2025, 12, 14, 12))
        assert [(row.date.day, row.value) for row in early][-1] == (13, 737)
    if reader.database.engine.dialect.name == "postgresql":
        return  # once is enough
    ingest(reader, "figures")
    history = list_rows(reader, "first_seen_at")
    delete_figures(reader)
    for source, path in [("figures", None), *files]:
        ingest(reader, source, path)
    assert list_rows(reader, "first_seen_at") == history
