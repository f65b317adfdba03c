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
        ('kind = "csv"', 'kind = "xls"', "source: Input tag 'xls' found using 'kind' does not"),
        ('file = "landings.csv"', "", "source: expected either a file or an address"),
        ("columns", 'address = "https://x.org/a"\ncolumns', "expected either a file or an add"),
        ('file = "landings.csv"', 'address = "http://x.org/a"', "source.address: expected an ad"),
        *(
            ("columns", f'date_format = "{form}"\ncolumns', "source.date_format: expected a form")
            for form in ("%d/%m", "%d/%m/%Y %d", "%B %Y")
        ),
        *(
            ("columns", f'encoding = "{name}"\ncolumns', "source.encoding: expected an encoding")
            for name in ("latin-99", "rot13")
        ),
        ("columns", 'decimal = ","\nthousands = ","\ncolumns', "expected different characters"),
        ("columns", 'reports = "best"\ncolumns', "source.reports: expected 'refuse', 'first'"),
        ("columns", 'thousand = ","\ncolumns', "source.thousand: expected only known names"),
        ("{landings", "{landing", "expected columns of declared series, found landing"),
        ('{landings = "arrived"}', "{}", "source.columns: expected"),
    ],
)
def test_invalid_source_error_names_key(tmp_path: Path, old: str, new: str, error: str) -> None:
    with pytest.raises(RegistryError) as caught:
        enabled_routes(declare(tmp_path, old, new))
    (line,) = str(caught.value).splitlines()
    assert line.startswith(str(tmp_path / "strait.toml")) and error in line


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
    assert chile.seconds_left(utc(2026, 4, 5, 3, 30)) == 1800


def test_assumed_known_time_is_14_local_next_day() -> None:
    assert CHANNEL.assumed_known_at(dt.date(2025, 12, 31)) == utc(2026, 1, 1, 14)
    assert CHANNEL.assumed_known_at(dt.date(2025, 6, 30)) == utc(2025, 7, 1, 13)


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (utc(2026, 1, 1, 23, 59, 30), 30),
        (utc(2026, 1, 2), 86_400),
        (utc(2026, 3, 29), 23 * 3600),
        (utc(2026, 10, 24, 23), 25 * 3600),
    ],
)
def test_seconds_left_in_days_of_23_to_25_hours(moment: dt.datetime, seconds: int) -> None:
    assert CHANNEL.seconds_left(moment) == seconds
