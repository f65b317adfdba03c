import datetime as dt
import gzip
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.data import csv_rows
from service.data.csv_rows import CsvFile, read_series
from service.data.source import SourceError

HEAD = b"date,people,boats\n"
GOOD = b"2025-01-01,10,1\n2025-01-02,0,0\n"
NAME = "my figures.csv"

BAD = [
    # content, place of the error, what was expected, what was found
    (HEAD + b"2025-01-01,1,1\n2025-01-03,1,1\n", "row 3, column date", "2025-01-02", "01-03"),
    (HEAD + GOOD + b"2025-01-02,1,1\n", "row 4, column date", "01-03, the day after", "01-02"),
    (HEAD + b"0999-12-31,1,1\n", "row 2, column date", "a date such as", "0999-12-31"),
    (HEAD + GOOD + b"2025-01-03,-5,1\n", "row 4, column people", "whole number", "-5"),
    (HEAD + GOOD + b"2025-01-03,4.5,1\n", "row 4, column people", "whole number", "'4.5'"),
    (b"date;people\n2025-01-03;437,0\n", "row 2, column people", "whole number", "'437,0'"),
    (HEAD + GOOD + "2025-01-03,٤,1\n".encode(), "row 4", "whole number", "'٤'"),
    (HEAD + GOOD + b"2025-01-03,9999999999,1\n", "row 4", "whole number", "'9999999999'"),
    (HEAD + GOOD + b"03/01/2025,4,1\n", "row 4, column date", "--dayfirst", "'03/01/2025'"),
    (HEAD + GOOD + b"2025-01-03 06:00,4,1\n", "row 4", "a date such as", "'2025-01-03 06:00'"),
    (HEAD + GOOD + b"2025-01-03,4\n", "row 4", "3 values", "2"),
    (HEAD + GOOD + b'2025-01-03,"4,1\n', "row 4", "comma-separated", "unexpected end"),
    (HEAD + GOOD + b'2025-01-03,4,"' + b"1" * 200_000 + b'"\n', "row 4", "comma-", "limit"),
    (b"date,boats\n2025-01-01,1\n", "row 1", "a column 'people'", "date,boats"),
    (b"date,people,People\n2025-01-01,1,1\n", "row 1", "different names", "people,People"),
    (HEAD, "row 2", "a row of date,people", "no rows"),
    (b"", "row 1", "a column 'date'", "nothing"),
    (b"\xff\xfed", "line 1", "UTF-16", "the byte 0x64"),
    (HEAD + GOOD + "2025-01-03,4,1 é\n".encode("latin-1"), "line 4", "its encoding", "byte 0xe9"),
]


def read_content(content, *series):
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return read_series(CsvFile(Path(file.name), name=NAME), *series)


@pytest.mark.parametrize(("content", "where", "expected", "found"), BAD)
def test_invalid_csv_is_rejected_with_place_and_content(content, where, expected, found):
    with pytest.raises(SourceError) as caught:
        read_content(content, ("people",), ("boats",))
    error = caught.value
    assert error.where.startswith(f"{NAME}, {where}")
    assert expected in error.expected
    assert found in error.actual
    line = str(error)
    assert line == f"{error.where}: expected {error.expected}, found {error.actual}"
    assert line.isprintable()
    assert len(line) < 500


def read_reports(content, folder, **options):
    """Read `content`, which has the counts of `GOOD`, and return what is reported."""
    file, lines = folder / NAME, []
    file.write_bytes(content)
    read_as = CsvFile(file, report=lines.append, **options)
    series = read_series(read_as, ("people",), ("boats",))
    assert series["people"].values.tolist() == [10, 0]
    assert series["boats"].values.tolist() == [1, 0]
    assert str(series["people"].start) == "2025-01-01"
    return [line.removeprefix(f"{file} is read ") for line in lines]


@pytest.mark.parametrize(
    ("content", "options", "report"),
    [
        *(
            (content, {}, "")
            for content in (
                HEAD + GOOD,
                b"\xef\xbb\xbf" + HEAD + GOOD,
                (HEAD + GOOD).replace(b"\n", b"\r\n"),
                (HEAD + GOOD).rstrip(b"\n"),
                b" date , people , boats \n 2025-01-01 , 10 , 1 \n2025-01-02,0,0\n",
                b'"date","people","boats"\n"2025-01-01","10","1"\n"2025-01-02","0","0"\n',
                b"boats,date,people\n1,2025-01-01,10\n0,2025-01-02,0\n",
            )
        ),
        (b"Date,PEOPLE,Boats\n" + GOOD, {}, "with names of columns in lower case"),
        (
            b"date,people,note,boats,\n2025-01-01,10,,1,\n2025-01-02,0,windy,0,\n",
            {},
            "without the columns note,''",
        ),
        (HEAD + GOOD.replace(b",10,1", b",10.0,1.00"), {}, "with 437.0 as 437"),
        (HEAD + b"\n" + GOOD + b" ,,\n\n", {}, "without blank rows"),
        (HEAD + b"2025-01-02,0,0\n2025-01-01,10,1\n", {}, "in the order of its days"),
        (HEAD + GOOD.replace(b"-01,", b"-01 00:00:00,"), {}, "without the time 00:00"),
        ((HEAD + GOOD).replace(b",", b";"), {}, "with ';' between columns"),
        ((HEAD + GOOD).replace(b",", b"\t"), {}, r"with '\t' between columns"),
        ((HEAD + GOOD).decode().encode("utf-16"), {}, "as UTF-16"),
        (
            (HEAD.decode() + "01/01/2025,10,1\n2/1/2025,0,0\n").encode(),
            {"dayfirst": True},
            "with days as day, month, year",
        ),
        (
            (b"DATE;boats;people\n2025-01-02 00:00:00;0;0\n\n2025-01-01 00:00:00;1;10.0\n"),
            {},
            (
                "with ';' between columns, with names of columns in lower case, without blank "
                "rows, without the time 00:00, in the order of its days, with 437.0 as 437"
            ),
        ),
    ],
)
def test_csv_of_common_programs_is_read_and_other_forms_reported(
    content, options, report, tmp_path
):
    reports = [report] if report else []
    assert read_reports(content, tmp_path, **options) == reports
    assert read_reports(gzip.compress(content), tmp_path, **options) == reports


def test_other_encoding_is_read_if_named(tmp_path):
    content = (HEAD + GOOD).replace(b"date,", "date,Größe,".encode("latin-1"))
    content = content.replace(b"-01,", b"-01,\xe9,").replace(b"-02,", b"-02,,")
    with pytest.raises(SourceError, match="line 1: expected text in UTF-8, or its encoding"):
        read_reports(content, tmp_path)
    assert "without the columns grösse" in read_reports(content, tmp_path, encoding="latin-1")[0]
    for encoding in ("klingon", "rot13"):
        with pytest.raises(SourceError):
            read_reports(content, tmp_path, encoding=encoding)


def test_separator_is_that_of_the_date_column():
    content = b'date;people;"a, long, note"\n2025-01-01;7;x\n'
    assert read_content(content, ("people",), ("people",))["people"].values.tolist() == [7]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        *((gzip.compress(HEAD + GOOD)[:cut], "expected whole gzip data") for cut in (12, -1)),
        (gzip.compress(bytes(100_000)) * 11, "at most 1,000,000 bytes when unpacked"),
        (gzip.compress(HEAD + b"\n" * 1_001), "at most 1,000 rows"),
    ],
    ids=["cut at 12", "cut at the end", "too many bytes", "too many rows"],
)
def test_cut_or_too_large_gzip_file_is_rejected(monkeypatch, content, message):
    monkeypatch.setattr(csv_rows, "LARGEST_BYTES", 1_000_000)
    monkeypatch.setattr(csv_rows, "_MOST_ROWS", 1_000)
    with pytest.raises(SourceError, match=message):
        read_content(content, ("people",))


DATES = st.dates(dt.date(1900, 1, 1), dt.date(2200, 1, 1))


@given(st.lists(st.integers(0, 999_999_999), min_size=1, max_size=40), DATES)
def test_any_counts_are_read_unchanged(counts, first):
    days = [first + dt.timedelta(days=n) for n in range(len(counts))]
    rows = [f"{day},{count}" for day, count in zip(days, counts, strict=True)]
    series = read_content("\n".join(["date,people", *rows]).encode(), ("people",))
    assert series["people"].values.tolist() == counts
    assert series["people"].dates.tolist() == days


@given(st.binary(max_size=200))
def test_any_bytes_raise_only_source_error(content):
    for head in (b"", HEAD, HEAD + GOOD):
        try:
            read_content(head + content, ("people",), ("boats",))
        except SourceError as error:
            assert str(error).isprintable()
