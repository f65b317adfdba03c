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
from tests.service.stored import Figure, record
from tests.service.support import ROUTE, utc

DAY = dt.date(2025, 12, 13)


def page(context: Context, value: int, published_at: dt.datetime, marked: bool) -> None:
    one = Figure("people", DAY, value, "page", published_at, is_marked=marked)
    with context.database.writing() as connection:
        record(connection, ROUTE, [one], utc(2025, 12, 31))


def weeks(context: Context) -> None:
    at = utc(2025, 12, 31, 11)
    rows = [Figure("preventions", dt.date(2025, 12, day), day, "workbook", at) for day in (14, 21)]
    with context.database.writing() as connection:
        record(connection, ROUTE, rows, at)


def test_revisions_are_listed_and_counted(context: Context) -> None:
    loader = IssueLoader(context)
    assert revisions(loader, "people") == {"count": 0, "rows": []}
    page(context, 755, utc(2025, 12, 16, 13), marked=True)
    found = revisions(loader, "people")
    assert found["count"] == 1
    assert found["rows"] == [
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
    assert list(found["rows"][0]) == list(RevisionsRow.model_fields)
    with pytest.raises(NotFound, match="expected a series of people, boats, preventions"):
        revisions(loader, "planes")


def test_the_path_of_revisions(context: Context, client: FlaskClient) -> None:
    page(context, 755, utc(2025, 12, 16, 13), marked=False)
    answer = client.get("/v1/series/people/revisions")
    assert answer.status_code == 200
    assert answer.json is not None
    assert (answer.json["count"], answer.json["unit"]) == (1, "people")
    table = client.get("/v1/series/boats/revisions", headers={"Accept": "text/csv"})
    assert table.text == ",".join(RevisionsRow.model_fields) + "\n"
    table = client.get("/v1/series/people/revisions", headers={"Accept": "text/csv"})
    assert table.text.endswith(",false,true\n"), "as JSON has them"
    assert client.get("/v1/series/planes/revisions").status_code == 404
    assert client.get("/v1/series/people/revisions?as_of=2025-12-31").status_code == 400


def test_preventions_are_shown_and_not_forecast(context: Context, client: FlaskClient) -> None:
    weeks(context)
    rows = figures(IssueLoader(context), "preventions")
    assert [(row["date"], row["value"]) for row in rows] == [("2025-12-14", 14), ("2025-12-21", 21)]
    (shown,) = [row for row in catalogue(IssueLoader(context)) if row["series_id"] == "preventions"]
    assert shown["is_forecast"] is False
    assert shown["frequency"] == "weekly"
    assert (shown["unit"], shown["latest_issue"]) == ("people", None)
    assert (shown["data_from"], shown["data_through"]) == ("2025-12-14", "2025-12-21")
    assert client.get("/v1/series/preventions/observations").status_code == 200
    assert client.get("/v1/series/preventions/forecast").status_code == 404


def test_the_status_says_what_was_read(context: Context) -> None:
    weeks(context)
    found = status(IssueLoader(context))
    assert [row["source"] for row in found["documents"]] == ["figures", "workbook"]
    assert found["documents"][1]["published_at"] == "2025-12-31T11:00:00Z"
