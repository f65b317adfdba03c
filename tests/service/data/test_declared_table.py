import datetime as dt
import json

import pytest

from service.core.declared_series import Table
from service.data.declared_table import read
from service.data.source import SourceError
from tests.service.support import ROUTE

D = dt.date
TODAY = D(2025, 3, 1)


def read_figures(*lines, **source):
    """Read a table with a declared `source`."""
    declared = {"kind": "csv", "file": "a.csv", "columns": {"landings": "arrived"}} | source
    route = ROUTE.model_copy(update={"source": Table.model_validate(declared)})
    document = read("\n".join(lines).encode(), "a.csv", route, TODAY)
    assert (document.source, document.published_at) == ("declared", None)
    return dict(document.figures["landings"])


def test_declared_columns_dates_and_separators_are_read():
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


def test_placeholders_are_compared_as_cells_are():
    rows = ("date,arrived", "2025-02-01,n.\u202fd.", "2025-02-02,5")
    assert read_figures(*rows, placeholders=[" n.\xa0d. "]) == {D(2025, 2, 2): 5}


@pytest.mark.parametrize(
    ("day", "cell", "source"),
    [
        ("2025-02-01", "1437.00", {}),
        ("2025-02-01", '"1,437.00"', {"thousands": ","}),
        ("2025-02-01", '"1\xa0437"', {"thousands": " "}),
        ("1/2/2025", "1437", {"date_format": "%d/%m/%Y"}),
        ("20250201 9:05", "1437", {"date_format": "%Y%m%d %H:%M"}),
    ],
)
def test_counts_and_dates_are_read_as_people_write_them(day, cell, source):
    assert read_figures("date,arrived", f"{day},{cell}", **source) == {D(2025, 2, 1): 1437}


def test_json_rows_are_read():
    rows = [{"date": "2025-02-01", "arrived": 5}, {"date": "2025-02-02", "arrived": None}]
    source = {"kind": "json", "rows": "data.items", "placeholders": [""]}
    content = json.dumps({"data": {"items": rows}})
    assert read_figures(content, **source) == {D(2025, 2, 1): 5}


@pytest.mark.parametrize(
    ("cell", "count"),
    [("437", 437), ("437.0", 437), ("1.000", 1), ("1e3", 1000), ('"1.437"', 1437), ('"12,0"', 12)],
)
def test_only_texts_in_json_have_separators(cell, count):
    rows = f'[{{"date": "2025-02-01", "arrived": {cell}}}]'
    source = {"kind": "json", "decimal": ",", "thousands": "."}
    assert read_figures(rows, **source) == {D(2025, 2, 1): count}


@pytest.mark.parametrize(("reports", "count"), [("first", 5), ("last", 7), ("largest", 9)])
def test_report_used_if_a_day_has_several(reports, count):
    lines = ["date,arrived", *(f"2025-02-01,{n}" for n in (5, 9, 7))]
    assert read_figures(*lines, reports=reports) == {D(2025, 2, 1): count}


EXAMPLE = "a whole number such as"
LOCAL = {"decimal": ",", "thousands": "."}


@pytest.mark.parametrize(
    ("rows", "source", "error"),
    [
        ("2025-02-28,5 2025-02-30,5", {}, "row 3, column date: expected a date such as 2024-10-18"),
        ('2025-02-01,"1,437"', {}, f"row 2, column arrived: expected {EXAMPLE} 437, found '1,437'"),
        ("2025-02-01,1.000", {}, f"{EXAMPLE} 437, found '1.000'"),
        ("2025-02-01,-5", {}, f"{EXAMPLE} 437, found '-5'"),
        *(
            (f'2025-02-01,"{cell}"', {"thousands": ","}, f"{EXAMPLE} 1,437, found '{cell}'")
            for cell in ("0,437", "0437", "1,43", "1,437.000", "99,999,999")
        ),
        ("2025-02-01,5 2025-02-01,6", {}, "row 3, column arrived: expected 5, as row 2 says for 2"),
        ("2025-02-01,5 2025-02-03,6", {}, "row 3, column date: expected 2025-02-02, the day after"),
        ("2025-03-01,5 2025-03-02,6", {}, "row 3, column date: expected a day up to today, 2025"),
        ("0999-12-31,5", {}, "row 2, column date: expected a day up to today, 2025-03-01, found 0"),
        ("2025-02-01,-", {"placeholders": ["-"]}, "expected a count in some row, found placehold"),
        ("2025-02-01,5", {"columns": {"landings": "x"}}, "row 1: expected a column 'x', found dat"),
    ],
)
def test_table_other_than_declared_is_rejected(rows, source, error):
    with pytest.raises(SourceError) as caught:
        read_figures("date,arrived", *rows.split(), **source)
    assert str(caught.value).startswith("a.csv")
    assert error in str(caught.value)


@pytest.mark.parametrize(
    ("content", "source", "error"),
    [
        ('[{"date": "2025-02-01", "arrived": 5, "arrived": 7}]', {}, "a repeated key in an object"),
        *(
            (f'[{{"date": "2025-02-01", "arrived": {cell}}}]', {}, f"arrived: expected {EXAMPLE} 4")
            for cell in ("1.437", "-5", "1e9", "NaN", "true")
        ),
        ('[{"date": "2025-02-01", "arrived": 1.437}]', LOCAL, f"{EXAMPLE} 1.437, found '1.437'"),
        ("[1, 2", {}, "a.csv: expected JSON, found '[1, 2'"),
        ("[]", {}, "a.csv: expected a list of rows, found none"),
        ("[5]", {}, "a.csv, row 1: expected an object with the columns as keys"),
        ('[{"date": "2025-02-01"}]', {}, "a.csv, row 1: expected a key 'arrived', found date"),
        ('{"data": []}', {"rows": "items"}, "a.csv: expected a key 'items' of 'items', found data"),
    ],
)
def test_json_other_than_declared_is_rejected(content, source, error):
    with pytest.raises(SourceError) as caught:
        read_figures(content, kind="json", **source)
    assert error in str(caught.value)
