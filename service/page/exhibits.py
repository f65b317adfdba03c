"""Charts and tables offered for download: as CSV with described columns, and as PNG.

Pictures are drawn from the same SVG and style sheet as on the page. `columns.csv` describes the
columns.
"""

__all__ = ["BAND_KEYS", "LEVELS", "RANGES", "Exhibit", "metadata_of", "png_of"]

import csv
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from flask import render_template
from markupsafe import Markup

from forecast.paths import bound_names

LEVELS = (50, 80, 95)
RANGES = ("median", *bound_names(LEVELS))
BAND_KEYS = (
    ("median", "median"),
    ("band50", "50% range"),
    ("band80", "80% range"),
    ("band95", "95% range"),
)

_CHANGE = ("change in the mean forecast due to this factor or cause", "number", "{unit}")
_STATIC = Path(__file__).parent / "static"
_LEAST_WIDTH = 620
_LETTER, _SOURCE_LETTER = 11.0, 6.6  # approximate widths in the title and the source
_PICTURE_STYLE = """
text { font-family: DejaVu Sans; }
.paper { fill: var(--paper); }
.source { fill: var(--soft); font-size: 12px; }
.title { fill: var(--ink); font-size: 18px; font-weight: 700; }
"""


@dataclass(frozen=True)
class Exhibit:
    """A chart or table on a page, with its data."""

    name: str  # in URLs and file names
    title: str
    rows: Sequence[Mapping[str, Any]]
    columns: Sequence[str]  # those of `rows` to download, in this order
    drawing: Markup | None = None
    keys: Sequence[tuple[str, str]] = ()  # the legend: class of the style sheet, and words
    credit: str = ""  # attribution and licence, if different from the route's
    licence_url: str = ""
    parts: Sequence[str] = ()  # columns that add up to the change of a mean


def metadata_of(exhibit: Exhibit, unit: str, url: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the CSV at `url` and its columns.

    W3C, Metadata Vocabulary for Tabular Data (CSVW), 2015; prefixes as in the RDFa initial context.
    """
    return {
        "@context": "http://www.w3.org/ns/csvw",
        "url": url,
        "dc:title": exhibit.title,
        **facts,
        "tableSchema": {"columns": [_column(exhibit, name, unit) for name in exhibit.columns]},
    }


def _column(exhibit: Exhibit, name: str, unit: str) -> dict[str, Any]:
    words, datatype, unit_name = _CHANGE
    if name not in exhibit.parts:
        matches = ((re.fullmatch(pattern, name), column) for pattern, *column in _described())
        match, column = next((match, column) for match, column in matches if match)
        words, datatype, unit_name = match.expand(column[0]), *column[1:]
    row = {"name": name, "titles": name, "dc:description": words, "datatype": datatype}
    return row | ({"schema:unitText": unit_name.format(unit=unit)} if unit_name else {})


@cache
def _described() -> list[list[str]]:
    """Return rows of a pattern of column names, description, datatype and unit."""
    with (Path(__file__).parent / "columns.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def png_of(exhibit: Exhibit, source: str) -> bytes:
    """Return the wide drawing of a chart with its title and legend, and `source` below it."""
    import resvg_py  # imported here, so that pages without a picture do not load it
    from matplotlib import get_data_path

    drawing = (exhibit.drawing or Markup()).partition('<svg class="chart narrow"')[0]
    size = re.findall(r'viewBox="0 0 (\d+) (\d+)"', drawing)[0]
    width, height = map(int, size)
    whole = max(width, _LEAST_WIDTH)
    svg = render_template(
        "picture.svg",
        drawing=drawing,
        width=width,
        height=height,
        whole=whole,
        title=textwrap.wrap(exhibit.title, int(whole / _LETTER)),
        keys=exhibit.keys,
        source=textwrap.wrap(source, int(whole / _SOURCE_LETTER)),
    )
    fonts = Path(get_data_path()) / "fonts" / "ttf"
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            zoom=2,
            style_sheet=_style(),
            # The machine may have no fonts.
            skip_system_fonts=True,
            font_files=[str(fonts / "DejaVuSans.ttf"), str(fonts / "DejaVuSans-Bold.ttf")],
            font_family="DejaVu Sans",
        )
    )


@cache
def _style() -> str:
    """Return the chart styles with light colours inlined: the renderer does not know variables."""
    page, charts = (
        (_STATIC / name).read_text("utf-8").partition("@media")[0]
        for name in ("page.css", "charts.css")
    )
    colours = dict(re.findall(r"--(\w+): ([^;]+);", page))
    css = charts.replace("font-family: inherit;", "") + _PICTURE_STYLE
    return re.sub(r"var\(--(\w+)\)", lambda match: colours[match[1]], css)
