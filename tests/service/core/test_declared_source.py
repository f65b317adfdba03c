from __future__ import annotations

from pathlib import Path

import pytest

from service.core.files import RegistryError
from service.core.route_files import enabled_routes

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


def test_a_file_is_not_followed_and_called_by_its_name(tmp_path: Path) -> None:
    (route,) = enabled_routes(declare(tmp_path))
    assert not route.is_followed
    assert route.source is not None
    assert route.source.title == "landings.csv"


def test_an_address_is_followed_and_called_by_its_host(tmp_path: Path) -> None:
    new = 'address = "https://data.example.org/a.csv?key=1"'
    (route,) = enabled_routes(declare(tmp_path, 'file = "landings.csv"', new))
    assert route.is_followed
    assert route.source is not None
    assert route.source.title == "data.example.org"
    assert not route.is_closed
    (ended,) = enabled_routes(declare(tmp_path, 'file = "landings.csv"', f"{new}\nclosed = true"))
    assert ended.is_closed and not ended.is_followed


@pytest.mark.parametrize(
    ("old", "new", "fault"),
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
        ("columns", 'decimal = ","\nthousands = ","\ncolumns', "expected another sign than decim"),
        ("columns", 'rows = "data"\ncolumns', "source.rows: expected in json alone"),
        ("columns", 'order = "at"\ncolumns', "source.order: expected with reports first or last"),
        ("columns", 'reports = "best"\ncolumns', "source.reports: expected 'refuse', 'first'"),
        ("columns", 'thousand = ","\ncolumns', "source.thousand: expected thousands, the nearest"),
        ("{landings", "{landing", "columns.landing: expected a series of landings"),
        ('{landings = "arrived"}', "{}", "source.columns: expected"),
    ],
)
def test_a_fault_names_its_key(tmp_path: Path, old: str, new: str, fault: str) -> None:
    with pytest.raises(RegistryError) as caught:
        enabled_routes(declare(tmp_path, old, new))
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path / 'strait.toml'}, ")
    assert fault in line
