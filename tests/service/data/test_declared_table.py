from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from service.core.declared_series import Route
from service.data.declared_table import read
from service.data.source import SourceError

D = dt.date
TODAY = D(2025, 3, 1)
SERIES = {
    "title": "Landings",
    "unit": "landings",
    "unit_one": "landing",
    "day_threshold": 1,
    "week_threshold": 1,
    "likely_above": 0.5,
    "unlikely_below": 0.5,
}


def make_route(**source: Any) -> Route:
    """Return a route with a declared `source`."""
    table = {"kind": "csv", "file": "a.csv", "columns": {"landings": "arrived"}} | source
    return Route.model_validate(
        {
            "name": "strait",
            "title": "The strait",
            "time_zone": "Europe/Rome",
            "attribution": "Source: somebody",
            "licence": "CC BY 4.0",
            "source": table,
            "series": {"landings": SERIES},
        }
    )


def read_figures(*lines: str, **source: Any) -> dict[dt.date, int]:
    content = "\n".join(lines).encode()
    document = read(content, "a.csv", make_route(**source), TODAY)
    assert (document.source, document.published_at) == ("declared", None)
    return dict(document.figures["landings"])


def test_declared_columns_dates_and_separators_are_read() -> None:
    assert read_figures(
        "Giorno;Sbarcati;Note",
        "01/02/2025;1.437;x",
        "02/02/2025;12,0;",
        "03/02/2025;n.d.;",
        "04/02/2025;0;",
        columns={"landings": "Sbarcati"},
        date="Giorno",
        date_format="%d/%m/%Y",
        decimal=",",
        thousands=".",
        placeholders=["n.d."],
    ) == {D(2025, 2, 1): 1437, D(2025, 2, 2): 12, D(2025, 2, 4): 0}
    assert read_figures("date,arrived", '2025-02-01,"1\xa0437"', thousands=" ") == {
        D(2025, 2, 1): 1437
    }


def test_zero_decimals_are_read_unless_ambiguous() -> None:
    day = D(2025, 2, 1)
    assert read_figures("date,arrived", "2025-02-01,1.00") == {day: 1}
    assert read_figures("date,arrived", '2025-02-01,"1,437.000"', thousands=",") == {day: 1437}


def test_json_rows_are_read() -> None:
    rows = [{"date": "2025-02-01", "arrived": 5}, {"date": "2025-02-02", "arrived": None}]
    content = json.dumps({"data": {"items": rows}}).encode()
    declared = make_route(kind="json", rows="data.items", placeholders=[""])
    document = read(content, "a.json", declared, TODAY)
    assert document.figures == {"landings": {D(2025, 2, 1): 5}}


@pytest.mark.parametrize(
    ("reports", "order", "count"),
    [
        ("first", "", 5),
        ("last", "", 7),
        ("largest", "", 9),
        ("first", "at", 9),
        ("last", "at", 5),  # 10 comes after 9
    ],
)
def test_report_used_if_a_day_has_several(reports: str, order: str, count: int) -> None:
    lines = ["date,arrived,at", *(f"2025-02-01,{n},{at}" for n, at in ((5, 10), (9, 2), (7, 9)))]
    assert read_figures(*lines, reports=reports, order=order) == {D(2025, 2, 1): count}


def test_repeated_row_is_one_report() -> None:
    assert read_figures("date,arrived", "2025-02-01,5", "2025-02-01,5") == {D(2025, 2, 1): 5}


@pytest.mark.parametrize(
    ("lines", "source", "error"),
    [
        (
            ["date,landed", "2025-02-01,5"],
            {},
            "a.csv, row 1: expected the columns arrived, found date,landed",
        ),
        (
            ["date,arrived", "2025-02-28,5", "2025-02-30,5"],
            {},
            "a.csv, row 3, column date: expected a date such as 2024-10-18, found '2025-02-30'",
        ),
        (
            ["date,arrived", '2025-02-01,"1,437"'],
            {},
            "row 2, column arrived: expected a whole number such as 437, found '1,437'",
        ),
        (
            ["date,arrived", "2025-02-01,14.37"],
            {"decimal": ",", "thousands": "."},
            "column arrived: expected a whole number such as 1.437, found '14.37'",
        ),
        (["date,arrived", "2025-02-01,1.000"], {}, "a whole number such as 437, found '1.000'"),
        (
            ['[{"date": "2025-02-01", "arrived": 5, "arrived": 7}]'],
            {"kind": "json"},
            "(a repeated key in an object)",
        ),
        (["date,arrived", "2025-02-01,-5"], {}, "expected a whole number such as 437, found '-5'"),
        (["date,arrived", "2025-02-01,"], {}, "expected a whole number such as 437, found ''"),
        (["date,arrived", "2025-02-01,12345678"], {}, "a whole number such as 437, found '1234567"),
        (
            ["date,arrived", "2025-02-01,5", "2025-02-01,6"],
            {},
            "row 3, column arrived: expected 5, as row 2 says for 2025-02-01, found 6",
        ),
        (
            ["date,arrived", "2025-02-01,5", "2025-02-03,6"],
            {},
            "row 3, column date: expected 2025-02-02, the day after 2025-02-01, found 2025",
        ),
        (
            ["date,arrived", "2025-03-01,5", "2025-03-02,6"],
            {},
            "row 3, column date: expected a day up to today, 2025-03-01, found 2025-03-02",
        ),
        (
            ["date,arrived", "2025-02-01,-"],
            {"placeholders": ["-"]},
            "a.csv: expected a count in some row, found placeholders alone",
        ),
        (["[1, 2"], {"kind": "json"}, "a.csv: expected JSON, found '[1, 2'"),
        (["{}"], {"kind": "json"}, "a.csv: expected a list of rows, found dict"),
        (["[]"], {"kind": "json"}, "a.csv: expected a list of rows, found none"),
        (["[5]"], {"kind": "json"}, "a.csv, row 1: expected an object with the columns as keys"),
        (
            ['[{"date": "2025-02-01"}]'],
            {"kind": "json"},
            "a.csv, row 1: expected the columns arrived, found date",
        ),
        (
            ['{"data": []}'],
            {"kind": "json", "rows": "items"},
            "a.csv: expected a key 'items' of 'items', found data",
        ),
        (
            ['[{"date": "2025-02-01", "arrived": true}]'],
            {"kind": "json"},
            "column arrived: expected a whole number such as 437, found 'true'",
        ),
    ],
)
def test_content_other_than_declared_is_rejected(
    lines: list[str], source: dict[str, Any], error: str
) -> None:
    with pytest.raises(SourceError) as caught:
        read_figures(*lines, **source)
    assert error in str(caught.value)
