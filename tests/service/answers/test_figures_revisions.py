from __future__ import annotations

import datetime as dt

import pytest
from flask.testing import FlaskClient

from service.answers.errors import NotFound
from service.answers.figures import figures, revisions
from service.answers.issue_loader import IssueLoader
from service.answers.status import catalogue, status
from service.api.schemas import RevisionsRow
from service.core.context import Context
from tests.service.stored_figures import Figure, store_as_documents
from tests.service.support import ROUTE, utc

DAY = dt.date(2025, 12, 13)


def record_revision(context: Context) -> None:
    figure = Figure("people", DAY, 755, "page", utc(2025, 12, 16, 13), True)
    with context.database.writing() as connection:
        store_as_documents(connection, ROUTE, [figure], utc(2025, 12, 31))


def record_preventions(context: Context) -> None:
    at = utc(2025, 12, 31, 11)
    rows = [Figure("preventions", dt.date(2025, 12, day), day, "workbook", at) for day in (14, 21)]
    with context.database.writing() as connection:
        store_as_documents(connection, ROUTE, rows, at)


def test_revisions_are_listed_and_counted(context: Context) -> None:
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


def test_preventions_are_listed_but_not_forecast(context: Context, client: FlaskClient) -> None:
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


def test_status_lists_documents(context: Context) -> None:
    record_preventions(context)
    answer = status(IssueLoader(context))
    assert [row["source"] for row in answer["documents"]] == ["figures", "workbook"]
    assert answer["documents"][1]["published_at"] == "2025-12-31T11:00:00Z"
