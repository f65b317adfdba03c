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


def test_placeholders_are_compared_as_cells_are() -> None:
    rows = ("date,arrived", "2025-02-01,n.\u202fd.", "2025-02-02,5")
    assert read_figures(*rows, placeholders=[" n.\xa0d. "]) == {D(2025, 2, 2): 5}


@pytest.mark.parametrize(
    ("date_format", "text"), [("%d/%m/%Y", "1/2/2025"), ("%Y%m%d %H:%M", "20250201 9:05")]
)
def test_dates_are_read_as_people_write_them(date_format: str, text: str) -> None:
    rows = ("date,arrived", f"{text},5")
    assert read_figures(*rows, date_format=date_format) == {D(2025, 2, 1): 5}


def test_utf_16_with_a_byte_order_mark_is_read() -> None:
    content = "date,arrived\n2025-02-01,5".encode("utf-16")
    figures = read(content, "a.csv", make_route(), TODAY).figures
    assert figures == {"landings": {D(2025, 2, 1): 5}}


def test_zero_decimals_are_read_unless_ambiguous() -> None:
    day = D(2025, 2, 1)
    assert read_figures("date,arrived", "2025-02-01,1.00") == {day: 1}
    assert read_figures("date,arrived", '2025-02-01,"1,437.00"', thousands=",") == {day: 1437}


def test_json_rows_are_read() -> None:
    rows = [{"date": "2025-02-01", "arrived": 5}, {"date": "2025-02-02", "arrived": None}]
    content = json.dumps({"data": {"items": rows}}).encode()
    declared = make_route(kind="json", rows="data.items", placeholders=[""])
    document = read(content, "a.json", declared, TODAY)
    assert document.figures == {"landings": {D(2025, 2, 1): 5}}


@pytest.mark.parametrize(
    ("cell", "count"),
    [("437", 437), ("437.0", 437), ("1.000", 1), ("1e3", 1000), ('"1.437"', 1437), ('"12,0"', 12)],
)
def test_only_texts_in_json_have_separators(cell: str, count: int) -> None:
    rows = f'[{{"date": "2025-02-01", "arrived": {cell}}}]'
    source = {"kind": "json", "decimal": ",", "thousands": "."}
    assert read_figures(rows, **source) == {D(2025, 2, 1): count}


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


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("9.0", "10.0"),
        ("-2", "-1"),
        ("900", "1'000"),
        ("2025-02-01", "2025-02-01T00:00:01"),
        ("2025-02-01T10:00:00+02:00", "2025-02-01T09:30Z"),
        ("09:40", "15:30:00"),
    ],
)
def test_reports_are_ordered_as_numbers_or_moments(earlier: str, later: str) -> None:
    rows = [f"2025-02-01,9,{earlier}", f"2025-02-01,100,{later}"]
    for reports, count in (("last", 100), ("first", 9)):
        for lines in (rows, rows[::-1]):
            source = {"order": "at", "thousands": "'", "reports": reports}
            assert read_figures("date,arrived,at", *lines, **source) == {D(2025, 2, 1): count}


@pytest.mark.parametrize(("earlier", "later"), [("9.5", "10.0"), ('"09:40"', '"15:30"')])
def test_reports_in_json_are_ordered_alike(earlier: str, later: str) -> None:
    rows = (
        f'[{{"date": "2025-02-01", "arrived": 100, "at": {later}}}, '
        f'{{"date": "2025-02-01", "arrived": 9, "at": {earlier}}}]'
    )
    source = {"kind": "json", "order": "at", "decimal": ",", "thousands": "."}
    for reports, count in (("last", 100), ("first", 9)):
        assert read_figures(rows, reports=reports, **source) == {D(2025, 2, 1): count}


@pytest.mark.parametrize(
    ("places", "error"),
    [
        (("", "10", "9"), "row 2, column at: expected a number such as 12, or a moment"),
        (("1", "NaN", "3"), "row 3, column at: expected a number such as 12, or a moment"),
        (("1", "2", "2025-02-01"), "row 2, column at: expected the same kind of order for each"),
        (("2025-02-01", "2025-02-01T12:00Z", "2025-02-02"), "expected the same kind of order"),
        (("1", "2", "2.0"), "row 4, column arrived: expected 2, as row 3 says for 2025-02-01"),
    ],
)
def test_uncertain_order_of_reports_is_rejected(places: tuple[str, ...], error: str) -> None:
    rows = [f"2025-02-01,{number},{at}" for number, at in enumerate(places, 1)]
    with pytest.raises(SourceError) as caught:
        read_figures("date,arrived,at", *rows, reports="last", order="at")
    assert error in str(caught.value)


def test_equal_order_matters_only_if_the_figure_depends_on_it() -> None:
    for counts, places, figure in (((1, 5, 6), "211", 1), ((1, 5, 5), "122", 5)):
        rows = [f"2025-02-01,{n},{at}" for n, at in zip(counts, places, strict=True)]
        figures = read_figures("date,arrived,at", *rows, reports="last", order="at")
        assert figures == {D(2025, 2, 1): figure}


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
        *(
            (
                ["date,arrived", f'2025-02-01,"{cell}"'],
                {"thousands": ","},
                f"column arrived: expected a whole number such as 1,437, found '{cell}'",
            )
            for cell in ("0,437", "0437", "1,43", "-0", "1,437.000")
        ),
        *(
            (
                [f'[{{"date": "2025-02-01", "arrived": {cell}}}]'],
                {"kind": "json"},
                "row 1, column arrived: expected a whole number such as 437, found",
            )
            for cell in ("1.437", "-5", "1e9", "NaN", "[5]", "true")
        ),
        (
            ['[{"date": "2025-02-01", "arrived": 1.437}]'],
            {"kind": "json", "decimal": ",", "thousands": "."},
            "column arrived: expected a whole number such as 1.437, found '1.437'",
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
    ],
)
def test_content_other_than_declared_is_rejected(
    lines: list[str], source: dict[str, Any], error: str
) -> None:
    with pytest.raises(SourceError) as caught:
        read_figures(*lines, **source)
    assert error in str(caught.value)


def test_table_is_named_as_it_is() -> None:
    address = "http://127.0.0.1:1/f.csv"
    for content, error in (
        (b"date\n2025-02-01", f"{address}, row 1: expected the columns arrived, found date"),
        (b"\xff\n", f"{address}, line 1: expected text in UTF-8, or its encoding, such as latin-1"),
    ):
        with pytest.raises(SourceError) as caught:
            read(content, address, make_route(), TODAY)
        assert str(caught.value).startswith(error)
