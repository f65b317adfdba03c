"""The real files through the job and into the store, and the past as it was."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from forecast.series import DailySeries
from service.core.context import Context
from service.data import observation_store
from service.data.ingest import ingest
from service.issues import issue_store
from service.issues.hindcast import hindcast
from service.issues.refit import refit
from tests.service.stored import Figure, dump, failed, forget, known, record
from tests.service.support import ROUTE, utc
from tests.support import shared


def real() -> list[tuple[str, Path | None]]:
    """The real files in the order of publication, and the embedded figures."""
    found = [("workbook", path) for path in shared.workbooks()]
    return [*found, *(("page", path) for path in shared.pages())]


@shared.needed
def test_the_real_files_make_exactly_the_figures(
    reader: Context, figures: dict[str, DailySeries]
) -> None:
    """And the history is true, read in the order in which nobody published them."""
    for source, path in real()[::-1]:
        ingest(reader, source, path)
    for series_id, series in figures.items():
        stored = known(reader, series_id)
        assert len(stored) == 2920
        assert max(stored) == dt.date(2025, 12, 29)
        assert all(value == series.on(day) for day, (value, _) in stored.items())
    assert known(reader)[dt.date(2025, 12, 28)][1] == "workbook"
    assert known(reader)[dt.date(2025, 12, 29)][1] == "page"
    before = dump(reader)
    assert "expected one table headed" in failed(reader, "page", shared.prose_page())
    assert dump(reader) == before
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
        for moment, wanted in last_known.items():
            series = observation_store.series(connection, "people", moment)
            assert (str(series.data_through) if series else None) == wanted
        early = observation_store.current(connection, "people", utc(2025, 12, 14, 12))
        assert [(row.date.day, row.value) for row in early][-1] == (13, 737)


@shared.needed
def test_the_real_files_in_any_order_make_one_history(reader: Context) -> None:
    """Each database with the reverse of publication and one other order."""
    files = [*real(), ("figures", None)]
    is_sqlite = reader.database.engine.dialect.name == "sqlite"
    dumps = set()
    for order in (files[::-1], files if is_sqlite else files[1::2] + files[::2]):
        forget(reader)
        for source, path in order:
            ingest(reader, source, path)
        dumps.add(tuple(dump(reader, "first_seen_at")))
    assert len(dumps) == 1


def test_a_refit_repeated_as_of_a_past_day_is_the_same(
    reader: Context, figures: dict[str, DailySeries], tmp_path: Path
) -> None:
    """What came since, a revision included, does not reach back."""
    origin = dt.date(2025, 12, 10)
    file = tmp_path / "then.csv"
    rows = zip(figures["people"].dates.tolist(), figures["people"].values.tolist(), strict=True)
    text = "\n".join(f"{day},{count}" for day, count in rows if day <= origin)
    file.write_text(f"date,people\n{text}\n")
    ingest(reader, "csv", file)
    refit(reader)
    ingest(reader, "figures")
    revised = Figure("people", origin, 5, "page", utc(2025, 12, 30, 13), is_marked=True)
    other = Figure("people", dt.date(2025, 12, 9), 7, "test", utc(2025, 12, 30, 13))
    with reader.database.writing() as connection:
        record(connection, ROUTE, [revised, other], utc(2025, 12, 30, 13))
    models = ["climatology", "seasonal_naive"]
    with reader.database.reading() as connection:
        (then,) = issue_store.list_issues_by_origin(connection, origin, "live")
    hindcast(reader, [origin], models, then.horizon_days, reader.settings.paths)
    with reader.database.reading() as connection:
        again = {
            issue.series_id: issue
            for issue in issue_store.list_issues_by_origin(connection, origin, "hindcast")
        }
        for model in models:
            one, two = (
                issue_store.load_paths(connection, issue, model)
                for issue in (then, again["people"])
            )
            assert one is not None
            assert two is not None
            assert one.start == two.start
            assert (one.values == two.values).all()
