from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from service.core.files import RegistryError
from service.core.route_files import enabled_routes
from tests.service.support import ROUTE as CHANNEL
from tests.service.support import utc

TEXT = """
title = "The strait"
time_zone = "Europe/Rome"
attribution = "Source: the harbour office"
licence = "CC BY 4.0"

[source]
kind = "csv"
file = "landings.csv"
columns = {landings = "arrived"}

[series.landings]
title = "Landings seen"
unit = "landings"
unit_one = "landing"
day_threshold = 90
week_threshold = 400
likely_above = 1
unlikely_below = 0.0
"""


def declare(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in TEXT
    (folder / "strait.toml").write_text(TEXT.replace(old, new, 1))
    (folder / "landings.csv").write_text("date,arrived\n2024-10-18,1\n")
    return folder


def test_file_source_is_not_followed_and_named_by_file(tmp_path: Path) -> None:
    (route,) = enabled_routes(declare(tmp_path))
    assert not route.is_followed
    assert route.source is not None
    assert route.source.title == "landings.csv"


def test_url_source_is_followed_and_named_by_host(tmp_path: Path) -> None:
    new = 'address = "https://data.example.org/a.csv?key=1"'
    (route,) = enabled_routes(declare(tmp_path, 'file = "landings.csv"', new))
    assert route.is_followed
    assert route.source is not None
    assert route.source.title == "data.example.org"
    assert not route.is_closed
    (closed,) = enabled_routes(declare(tmp_path, 'file = "landings.csv"', f"{new}\nclosed = true"))
    assert closed.is_closed and not closed.is_followed


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (
            'kind = "csv"',
            'kind = "xls"',
            "source.kind: expected 'govuk', 'csv' or 'json', found 'x",
        ),
        ('kind = "csv"\n', "", "source.kind: expected a value, found none"),
        ('"landings.csv"', '"gone.csv"', "source.file: expected a file beside the declaration"),
        ('file = "landings.csv"', "", "source: expected a file or an address, found none"),
        ("columns", 'address = "https://x.org/a"\ncolumns', "file or an address, found both"),
        (
            'file = "landings.csv"',
            'address = "http://x.org/a"',
            "expected an address such as https",
        ),
        ("columns", 'date_format = "%d/%m"\ncolumns', "date_format: expected a format with day"),
        (
            "columns",
            'date_format = "%d/%m/%Y %d"\ncolumns',
            "expected a format with day, month and",
        ),
        ("columns", 'date_format = "%Y%m%d\\u0000"\ncolumns', "expected a format with day, month"),
        *(
            (
                "columns",
                f'encoding = "{name}"\ncolumns',
                "source.encoding: expected an encoding such",
            )
            for name in ("latin-99", "rot13", "undefined", "utf\\u0000")
        ),
        ('"landings.csv"', f'"{300 * "a"}"', "source.file: expected a file beside the declaration"),
        ("columns", 'placeholders = ["", "-\\n"]\ncolumns', "source.placeholders: expected text w"),
        ('"arrived"', '"arrived\\t"', "source.columns: expected text without control characters"),
        ("columns", 'decimal = ","\nthousands = ","\ncolumns', "expected a different char"),
        ("columns", 'rows = "data"\ncolumns', "source.rows: expected only with json"),
        ("columns", 'reports = "best"\ncolumns', "source.reports: expected 'refuse', 'first'"),
        ("columns", 'thousand = ","\ncolumns', "source.thousand: expected thousands, the nearest"),
        ("{landings", "{landing", "columns.landing: expected one of the series landings"),
        ('{landings = "arrived"}', "{}", "source.columns: expected"),
    ],
)
def test_invalid_source_error_names_key(tmp_path: Path, old: str, new: str, error: str) -> None:
    with pytest.raises(RegistryError) as caught:
        enabled_routes(declare(tmp_path, old, new))
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path / 'strait.toml'}, ")
    assert error in line


@pytest.mark.parametrize("end", ["", "."])
def test_credit_is_sentences(end: str) -> None:
    change = {"attribution": f"Source: the harbour office{end}", "licence": "CC BY 4.0"}
    route = CHANNEL.model_copy(update=change)
    assert route.credit == "Source: the harbour office. Licence: CC BY 4.0."
    whole = route.model_copy(update={"attribution": f"Source: the harbour office, CC BY 4.0{end}"})
    assert whole.credit == "Source: the harbour office, CC BY 4.0."


def test_series_is_immutable() -> None:
    with pytest.raises(ValueError, match="frozen"):
        CHANNEL.series["boats"].unit = "vessels"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (utc(2025, 6, 30, 22, 59), dt.date(2025, 6, 30)),
        (utc(2025, 6, 30, 23, 0), dt.date(2025, 7, 1)),  # midnight of British Summer Time
        (utc(2025, 12, 31, 23, 59), dt.date(2025, 12, 31)),
        (utc(2026, 1, 1, 0, 0), dt.date(2026, 1, 1)),
        (utc(2025, 3, 30, 0, 59), dt.date(2025, 3, 30)),  # before the skipped hour
        (utc(2025, 3, 30, 23, 0), dt.date(2025, 3, 31)),
        (utc(2025, 10, 25, 23, 30), dt.date(2025, 10, 26)),  # before the repeated hour
        (utc(2025, 10, 26, 23, 30), dt.date(2025, 10, 26)),
    ],
)
def test_day_is_in_route_time_zone(moment: dt.datetime, day: dt.date) -> None:
    assert CHANNEL.day(moment) == day
    assert CHANNEL.day(moment.astimezone(CHANNEL.zone)) == day


@pytest.mark.parametrize(
    ("day", "end"),
    [
        (dt.date(2025, 6, 30), utc(2025, 6, 30, 22, 59, 59)),
        (dt.date(2025, 12, 31), utc(2025, 12, 31, 23, 59, 59)),
        (dt.date(2025, 3, 30), utc(2025, 3, 30, 22, 59, 59)),  # 23 hours long
        (dt.date(2025, 10, 26), utc(2025, 10, 26, 23, 59, 59)),  # 25 hours long
    ],
)
def test_end_of_day_is_last_second_in_route_time_zone(day: dt.date, end: dt.datetime) -> None:
    assert CHANNEL.end_of_day(day) == end
    assert CHANNEL.day(end) == day
    assert CHANNEL.day(end + dt.timedelta(seconds=1)) == day + dt.timedelta(days=1)


def test_hour_repeated_at_midnight_belongs_to_ending_day() -> None:
    chile = CHANNEL.model_copy(update={"time_zone": "America/Santiago"})
    day, end = dt.date(2026, 4, 4), utc(2026, 4, 5, 3, 59, 59)
    assert chile.end_of_day(day) == end
    assert chile.day(end) == day


def test_assumed_known_time_is_14_local_next_day() -> None:
    assert CHANNEL.assumed_known_at(dt.date(2025, 12, 31)) == utc(2026, 1, 1, 14)
    assert CHANNEL.assumed_known_at(dt.date(2025, 6, 30)) == utc(2025, 7, 1, 13)
    assert CHANNEL.assumed_known_at(dt.date(2025, 3, 29)) == utc(2025, 3, 30, 13)
    assert CHANNEL.assumed_known_at(dt.date(2024, 2, 28)) == utc(2024, 2, 29, 14)
