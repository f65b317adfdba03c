"""Covariates and archived forecasts of them in CSV files."""

import numpy as np
import pytest

from service.data.covariate_csv import read, read_forecasts
from service.data.csv_rows import CsvFile
from service.data.source import SourceError

NAMES = ("wind_ms", "gust_ms")
ROWS = [
    f"{origin},{member},2024-01-{day:02d},{day + member},{10 * day}"
    for origin, first in (("2024-01-01", 2), ("2024-01-08", 9))
    for member in (0, 1)
    for day in (first, first + 1)
]


def write_forecasts(folder, rows):
    path = folder / "archive.csv"
    path.write_text("\n".join(["origin,member,date,wind_ms,gust_ms", *rows]) + "\n")
    return path


def test_forecasts_are_read_by_origin_member_and_lead(tmp_path):
    archive = read_forecasts(write_forecasts(tmp_path, ROWS[::-1]), NAMES)
    assert archive.origins.astype(str).tolist() == ["2024-01-01", "2024-01-08"]
    np.testing.assert_array_equal(
        archive.issued_at("2024-01-08"), [[[9, 90], [10, 100]], [[10, 90], [11, 100]]]
    )


@pytest.mark.parametrize(
    ("rows", "names", "message"),
    [
        (ROWS[:-1], NAMES, "2 members x 2 days for each of 2 origins"),
        ([*ROWS[:-1], ROWS[0]], NAMES, "repeated or missing days"),
        ([*ROWS[:-1], ROWS[-1].replace("11,", "much,")], NAMES, "row 9, column wind_ms: expected"),
        ([*ROWS[:-1], ROWS[-1].replace("11,", "inf,")], NAMES, "expected a finite number"),
        (ROWS, (*NAMES, "wave_m"), "a column 'wave_m'"),
        ([ROWS[0].replace("-01,", "-0x,")], NAMES, "row 2, column origin: expected a date"),
        ([], NAMES, "no rows"),
    ],
)
def test_invalid_forecasts_are_rejected(tmp_path, rows, names, message):
    with pytest.raises(SourceError, match=message):
        read_forecasts(write_forecasts(tmp_path, rows), names)


HISTORY = ["2024-01-01,,3"]
AHEAD = ["2024-01-02,a,4", "2024-01-02,b,5", "2024-01-03,b,7", "2024-01-03,a,6"]


def write_covariates(folder, rows):
    path = folder / "covariates.csv"
    path.write_text("\n".join(["date,member,wind_ms", *rows]) + "\n")
    return path


def test_days_with_members_follow_the_history(tmp_path):
    table = read(write_covariates(tmp_path, HISTORY + AHEAD))
    assert table.values[..., 0].tolist() == [[3, 4, 6], [3, 5, 7]]
    assert (str(table.start), table.n_single) == ("2024-01-01", 1)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (AHEAD, "2024-01-02, column member: expected a history without members first, found 'a'"),
        ([*HISTORY, *AHEAD[:3], "2024-01-03,c,6"], "the 2 members of 2024-01-02, found b, c"),
        ([*HISTORY, *AHEAD, AHEAD[0]], "row 7, column date, 2024-01-02: expected one member 'a'"),
        (HISTORY + AHEAD[2:], "expected 2024-01-02, the day after 2024-01-01, found 2024-01-03"),
    ],
)
def test_invalid_members_are_rejected(tmp_path, rows, message):
    with pytest.raises(SourceError, match=message):
        read(write_covariates(tmp_path, rows))


def test_column_of_numbers_is_required(tmp_path):
    (tmp_path / "c.csv").write_text("date,member\n2024-01-01,\n")
    with pytest.raises(SourceError, match="expected a column of numbers beside date and member"):
        read(tmp_path / "c.csv")


def test_other_csv_forms_are_read_and_reported(tmp_path):
    history, forecasts = tmp_path / "history.csv", tmp_path / "forecasts.csv"
    history.write_text("date;wind_ms\n02/01/2024;4.5\n01/01/2024;3\n")
    rows = "\n".join(ROWS).replace("2024-01-02,", "2024-01-02 00:00:00,")
    forecasts.write_text(f"origin,member,date,wind_ms,gust_ms\n{rows}")
    reports = []
    table = read(CsvFile(history, dayfirst=True, report=reports.append))
    assert (table.names, str(table.start)) == (("wind_ms",), "2024-01-01")
    assert table.values.ravel().tolist() == [3, 4.5]
    read_forecasts(CsvFile(forecasts, report=reports.append), NAMES)
    assert reports == [
        f"{history} is read with ';' between columns, with days as day, month, year",
        f"{forecasts} is read without the time 00:00",
    ]
