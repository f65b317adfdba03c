import datetime as dt

import pytest

from service.answers.errors import BadQuestion, NotFound
from service.answers.figures import add_year_earlier, figures, last_figures, revisions
from service.answers.issue_loader import IssueLoader
from service.answers.status import catalogue, status
from service.api.schemas import ObservationsRow, RevisionsRow
from tests.service.stored_figures import Figure, store_as_documents
from tests.service.support import ROUTE, utc

D = dt.date


def store(context, seen_at, *figures):
    with context.database.writing() as connection:
        store_as_documents(connection, ROUTE, figures, seen_at)


def test_figures_are_ordered_by_date(loader):
    rows = figures(loader, "people")
    assert len(rows) == 2922
    assert sum(row["value"] for row in rows) == 192_610
    assert sum(row["value"] for row in figures(loader, "boats")) == 4_961
    assert [row["date"] for row in rows] == sorted(row["date"] for row in rows)
    assert list(rows[0]) == list(ObservationsRow.model_fields)
    assert rows[-1] == {
        "time": "2025-12-31T00:00:00Z",
        "date": "2025-12-31",
        "value": rows[-1]["value"],
        "source": "figures",
        "known_at": "2026-01-01T14:00:00Z",
    }


@pytest.mark.parametrize(
    ("first", "last", "as_of", "dates"),
    [
        (D(2024, 2, 28), D(2024, 3, 1), None, ["2024-02-28", "2024-02-29", "2024-03-01"]),
        (D(2025, 12, 31), None, None, ["2025-12-31"]),
        (None, D(2018, 1, 1), None, ["2018-01-01"]),
        (D(2026, 1, 1), D(2026, 2, 1), None, []),
        (D(2024, 10, 17), None, D(2024, 10, 18), ["2024-10-17", "2024-10-18"]),
        (D(2024, 10, 16), None, utc(2024, 10, 18, 12), ["2024-10-16"]),
        (None, None, D(2017, 1, 1), []),
    ],
)
def test_period_includes_both_ends_and_what_was_known(loader, first, last, as_of, dates):
    assert [row["date"] for row in figures(loader, "people", first, last, as_of)] == dates


def test_figures_of_empty_or_invalid_questions(loader, empty):
    with pytest.raises(BadQuestion, match="to: expected a day from 2025-02-01 on"):
        figures(loader, "people", D(2025, 2, 1), D(2025, 1, 31))
    for answer in (figures, revisions):
        with pytest.raises(NotFound, match="series people, boats, preventions.*, found 'planes'"):
            answer(loader, "planes")
    for series_id in ("people", "preventions"):
        assert figures(IssueLoader(empty), series_id, D(2025, 1, 1)) == []


def test_last_days_of_an_issue(loader):
    view = loader.view("people", "latest")
    assert view.first == D(2026, 1, 2)
    rows = figures(loader, "people", D(2025, 12, 3), D(2025, 12, 31))
    assert last_figures(view, 30) == [
        {name: row[name] for name in ("date", "value")} for row in rows
    ]
    assert len(last_figures(view, 10_000)) == 2922


def test_same_date_a_year_earlier_and_mean_of_its_week(loader):
    days = ["2019-01-02", "2025-06-15", "2024-02-29", "2026-12-29", "2027-01-01"]
    rows = [{"date": day} for day in days]
    add_year_earlier(loader.view("people"), rows)
    june = [row["value"] for row in figures(loader, "people", D(2024, 6, 12), D(2024, 6, 18))]
    assert (rows[1]["last_year"], rows[1]["last_year_mean"]) == (june[3], round(sum(june) / 7, 1))
    (leap,) = figures(loader, "people", D(2023, 2, 28), D(2023, 2, 28))
    assert rows[2]["last_year"] == leap["value"]
    for at in (0, 3):  # without some days of the week
        assert rows[at]["last_year"] is not None and rows[at]["last_year_mean"] is None
    assert rows[4] == {"date": days[4], "last_year": None, "last_year_mean": None}


def test_revisions_are_listed_and_counted(context):
    loader = IssueLoader(context)
    assert revisions(loader, "people") == {"count": 0, "rows": []}
    figure = Figure("people", D(2025, 12, 13), 755, "page", utc(2025, 12, 16, 13), True)
    store(context, utc(2025, 12, 31), figure)
    answer = revisions(loader, "people")
    assert answer["count"] == 1
    assert answer["rows"] == [
        {
            "time": "2025-12-13T00:00:00Z",
            "date": "2025-12-13",
            "value_before": 737,
            "value": 755,
            "source_before": "figures",
            "source": "page",
            "known_at": "2025-12-16T13:00:00Z",
            "marked_revised": True,
            "ruled": True,
        }
    ]
    assert list(answer["rows"][0]) == list(RevisionsRow.model_fields)


def test_preventions_are_listed_but_not_forecast(context, client):
    at = utc(2025, 12, 31, 11)
    rows = (Figure("preventions", D(2025, 12, day), day, "workbook", at) for day in (14, 21))
    store(context, at, *rows)
    rows = figures(IssueLoader(context), "preventions")
    assert [(row["date"], row["value"]) for row in rows] == [("2025-12-14", 14), ("2025-12-21", 21)]
    (row,) = [row for row in catalogue(IssueLoader(context)) if row["series_id"] == "preventions"]
    assert (row["is_forecast"], row["frequency"], row["unit"]) == (False, "weekly", "people")
    assert row["latest_issue"] is None
    assert (row["data_from"], row["data_through"]) == ("2025-12-14", "2025-12-21")
    assert client.get("/v1/series/preventions/observations").status_code == 200
    assert client.get("/v1/series/preventions/forecast").status_code == 404
    of_figures, workbook = status(IssueLoader(context))["documents"]
    assert (of_figures["source"], workbook["source"]) == ("figures", "workbook")
    assert workbook["published_at"] == "2025-12-31T11:00:00Z"
