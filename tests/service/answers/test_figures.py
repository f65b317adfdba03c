from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from service.answers.errors import BadQuestion, NotFound
from service.answers.figures import add_year_earlier, figures, last_figures, revisions
from service.answers.issue_loader import IssueLoader
from service.answers.status import catalogue, status
from service.api.schemas import ObservationsRow, RevisionsRow
from tests.service.stored_figures import Figure, store_as_documents
from tests.service.support import ROUTE, utc

D = dt.date


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
    ("first", "last", "count"),
    [
        (D(2025, 12, 1), None, 31),
        (None, D(2018, 1, 31), 31),
        (D(2024, 2, 28), D(2024, 3, 1), 3),
        (D(2026, 1, 1), D(2026, 2, 1), 0),
    ],
)
def test_period_includes_both_ends(loader, first, last, count):
    assert len(figures(loader, "people", first, last)) == count


def test_figures_as_of_date_and_instant(loader):
    assert figures(loader, "people", as_of=D(2024, 10, 18))[-1]["date"] == "2024-10-18"
    assert figures(loader, "people", as_of=utc(2024, 10, 18, 12))[-1]["date"] == "2024-10-16"
    assert figures(loader, "people", as_of=D(2017, 1, 1)) == []


def test_figures_of_empty_or_invalid_questions(loader, empty):
    with pytest.raises(BadQuestion, match="to: expected a day from 2025-02-01 on"):
        figures(loader, "people", D(2025, 2, 1), D(2025, 1, 31))
    with pytest.raises(NotFound, match="found 'planes'"):
        figures(loader, "planes")
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
    rows: list[dict[str, Any]] = [{"date": day} for day in days]
    add_year_earlier(loader.view("people"), rows)
    june = [row["value"] for row in figures(loader, "people", D(2024, 6, 12), D(2024, 6, 18))]
    assert (rows[1]["last_year"], rows[1]["last_year_mean"]) == (june[3], round(sum(june) / 7, 1))
    (leap,) = figures(loader, "people", D(2023, 2, 28), D(2023, 2, 28))
    assert rows[2]["last_year"] == leap["value"]
    for at in (0, 3):  # without some days of the week
        assert rows[at]["last_year"] is not None and rows[at]["last_year_mean"] is None
    assert rows[4] == {"date": days[4], "last_year": None, "last_year_mean": None}


def record_revision(context):
    figure = Figure("people", D(2025, 12, 13), 755, "page", utc(2025, 12, 16, 13), True)
    with context.database.writing() as connection:
        store_as_documents(connection, ROUTE, [figure], utc(2025, 12, 31))


def record_preventions(context):
    at = utc(2025, 12, 31, 11)
    rows = [Figure("preventions", D(2025, 12, day), day, "workbook", at) for day in (14, 21)]
    with context.database.writing() as connection:
        store_as_documents(connection, ROUTE, rows, at)


def test_revisions_are_listed_and_counted(context):
    loader = IssueLoader(context)
    assert revisions(loader, "people") == {"count": 0, "rows": []}
    record_revision(context)
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
    with pytest.raises(NotFound, match="expected one of the series people, boats, preventions"):
        revisions(loader, "planes")


def test_preventions_are_listed_but_not_forecast(context, client):
    record_preventions(context)
    rows = figures(IssueLoader(context), "preventions")
    assert [(row["date"], row["value"]) for row in rows] == [("2025-12-14", 14), ("2025-12-21", 21)]
    (row,) = [row for row in catalogue(IssueLoader(context)) if row["series_id"] == "preventions"]
    assert row["is_forecast"] is False
    assert row["frequency"] == "weekly"
    assert (row["unit"], row["latest_issue"]) == ("people", None)
    assert (row["data_from"], row["data_through"]) == ("2025-12-14", "2025-12-21")
    assert client.get("/v1/series/preventions/observations").status_code == 200
    assert client.get("/v1/series/preventions/forecast").status_code == 404


def test_status_lists_documents(context):
    record_preventions(context)
    answer = status(IssueLoader(context))
    assert [row["source"] for row in answer["documents"]] == ["figures", "workbook"]
    assert answer["documents"][1]["published_at"] == "2025-12-31T11:00:00Z"
