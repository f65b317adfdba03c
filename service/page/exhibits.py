"""Charts and tables offered for download: as CSV with described columns, and as PNG.

Pictures are drawn from the same SVG and style sheet as on the page.
"""

__all__ = ["BAND_KEYS", "RANGES", "Exhibit", "icon_png", "metadata_of", "png_of"]

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

RANGES = ("median", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95")
BAND_KEYS = (
    ("median", "median"),
    ("band50", "50% range"),
    ("band80", "80% range"),
    ("band95", "95% range"),
)

# Column name pattern: description, datatype and unit; {unit} is the series' unit.
_COLUMNS = {
    "date": ("calendar day of the route", "date", ""),
    "period": ("period", "string", ""),
    "from": ("first day, included", "date", ""),
    "to": ("last day, included", "date", ""),
    "value": ("published count; on a curve of totals, the published total", "integer", "{unit}"),
    "came|truth": ("count published after the forecast was made", "integer", "{unit}"),
    "median": ("median of the forecast", "integer", "{unit}"),
    "mean|before|after|yearly_mean": ("mean of the forecast", "number", "{unit}"),
    r"lo(\d+)": (r"lower bound of the central \1% range", "integer", "{unit}"),
    r"hi(\d+)": (r"upper bound of the central \1% range", "integer", "{unit}"),
    r"median_(\d)": (r"median of forecast \1", "integer", "{unit}"),
    r"(lo|hi)80_(\d)": (r"\1 end of the 80% range of forecast \2", "integer", "{unit}"),
    "p_zero": ("probability of no arrivals", "number", "probability"),
    "p_above": ("probability of more than the threshold", "number", "probability"),
    "likelihood": ("likelihood of crossings: likely, possible or unlikely", "string", ""),
    "p_any": ("probability of more than the threshold at least once", "number", "probability"),
    "threshold": ("threshold", "integer", "{unit}"),
    "window": ("days in a row that are added up", "integer", "days"),
    "last_year": ("published count of the same days a year earlier", "integer", "{unit}"),
    "last_year_mean": ("mean of the 7 days around the date a year earlier", "number", "{unit}"),
    r"year_(\d+)": (r"published total from 1 January to the date in \1", "integer", "{unit}"),
    "known": ("published total of the period so far", "integer", "{unit}"),
    "our_share": ("share of all arrivals that the counts are for", "number", "per cent"),
    "present_median": ("median number present", "integer", "{unit}"),
    "places": ("places that are enough on that day with probability share", "integer", "places"),
    "stay_days": ("days that each person stays", "integer", "days"),
    "share": ("probability with which places are enough", "number", "probability"),
    "days": ("number of days", "integer", "days"),
    "p_quiet_days": ("probability of this many days with no arrivals", "number", "probability"),
    "p_longest_run": (
        "probability of this length of the longest quiet spell",
        "number",
        "probability",
    ),
    r"(\w+)_at_least": (r"the same as \1, or more", "number", "probability"),
    "arrived": ("days with arrivals", "integer", "days"),
    "share_arrived": ("share of days with arrivals", "number", "share"),
    r"share_arrived_(lo|hi)": (r"\1 end of the 95% interval of share_arrived", "number", "share"),
    r"wind_(lo80|median|hi80)": (r"mean wind from 00:00 to 09:00 UTC: \1", "integer", "km/h"),
    r"gusts_(lo80|median|hi80)": (r"highest gust of the day: \1", "integer", "km/h"),
    "wind_from": ("where the wind comes from", "string", ""),
    "wave_night_mean_m": ("mean wave height from 00:00 to 09:00 UTC", "number", "m"),
    "wave_max_m": ("highest wave height of the day", "number", "m"),
    "issue_id": ("forecast ID", "string", ""),
    "model": ("model", "string", ""),
    "measure": ("days ahead, or total", "string", ""),
    "n": ("number of forecasts", "integer", "forecasts"),
    "coverage_n": ("number of outcomes in the coverage", "integer", "outcomes"),
    r"coverage(\d+)": (
        r"share of outcomes in their \1% range, by randomised PIT",
        "number",
        "share",
    ),
    r"coverage(\d+)_lo": (r"lower bound of the 95% interval of coverage\1", "number", "share"),
    r"coverage(\d+)_hi": (r"upper bound of the 95% interval of coverage\1", "number", "share"),
    r"skill_(\w+)_(lo|hi)": (r"\2 end of the 95% interval of skill_\1", "number", "share"),
    "skill_(.+)": (r"1 minus the ratio of the CRPS to that of \1", "number", "share"),
    "bias": ("mean forecast minus outcome", "number", "{unit}"),
    "crps": ("mean continuous ranked probability score", "number", "{unit}"),
    "wis": ("mean weighted interval score", "number", "{unit}"),
    "tenth": ("tenth of the forecast distribution, 1 the lowest", "integer", ""),
    "outcomes": ("outcomes of days 1 to 7 in that tenth", "integer", "outcomes"),
    "note": ("note", "string", ""),
}
_CHANGE = ("change in the mean forecast due to this factor or cause", "number", "{unit}")
_STATIC = Path(__file__).parent / "static"
_MARGIN, _LINE, _SCALE = 24, 18, 2
_TITLE_LINE, _KEY_LINE = 24, 20
_TITLE_LETTER, _LETTER, _SOURCE_LETTER = 11.0, 7.4, 6.6  # approximate letter widths
_LEAST_WIDTH = 620
_VIEW = re.compile(r'viewBox="0 0 (\d+) (\d+)"')
_VARIABLE = re.compile(r"--(\w+): ([^;]+);")


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
        matches = ((re.fullmatch(pattern, name), column) for pattern, column in _COLUMNS.items())
        match, column = next((match, column) for match, column in matches if match)
        words, datatype, unit_name = match.expand(column[0]), *column[1:]
    row = {"name": name, "titles": name, "dc:description": words, "datatype": datatype}
    return row | ({"schema:unitText": unit_name.format(unit=unit)} if unit_name else {})


def png_of(exhibit: Exhibit, source: str) -> bytes:
    """Return the wide drawing of a chart with its title and legend, and `source` below it."""
    import resvg_py  # imported here, so that pages without a picture do not load it
    from matplotlib import get_data_path

    svg = str(exhibit.drawing).partition('<svg class="chart narrow"')[0]
    view = _VIEW.search(svg)
    assert view is not None  # every drawing has one
    width, height = int(view[1]), int(view[2])
    whole = max(width, _LEAST_WIDTH) + 2 * _MARGIN
    across = whole - 2 * _MARGIN
    title = textwrap.wrap(exhibit.title, int(across / _TITLE_LETTER))
    top = _MARGIN + _TITLE_LINE * len(title)
    legend, rows = _legend(exhibit, across, top + 11)
    head = top + 4 + _KEY_LINE * rows + 12
    lines = textwrap.wrap(source, int(across / _SOURCE_LETTER))
    tall = head + height + _LINE * len(lines) + _MARGIN
    texts = _texts("title", title, _MARGIN + 12, _TITLE_LINE)
    texts += _texts("source", lines, head + height + _LINE, _LINE)
    place = f'x="{_MARGIN}" y="{head}" width="{width}" height="{height}"'
    chart = svg.replace("<svg", f"<svg {place}", 1)
    font = Path(get_data_path()) / "fonts" / "ttf"
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=(
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{tall}">'
                f"{legend}{chart}{texts}</svg>"
            ),
            zoom=_SCALE,
            background=_colours()["paper"],
            style_sheet=_style(),
            # The machine may have no fonts.
            skip_system_fonts=True,
            font_files=[str(font / "DejaVuSans.ttf"), str(font / "DejaVuSans-Bold.ttf")],
            font_family="DejaVu Sans",
        )
    )


@cache
def icon_png() -> bytes:
    """Return the icon of the page, 180 pixels wide."""
    import resvg_py

    svg = (_STATIC / "icon.svg").read_text("utf-8")
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, width=180, height=180))


def _texts(css: str, lines: Sequence[str], y: int, step: int) -> str:
    """Return lines of text, the first at `y`."""
    return "".join(
        f'<text class="{css}" x="{_MARGIN}" y="{y + step * at}">{escape(line)}</text>'
        for at, line in enumerate(lines)
    )


def _legend(exhibit: Exhibit, across: int, y: int) -> tuple[str, int]:
    """Return the legend, its first row at `y`, and its number of rows."""
    parts, x, rows = [], float(_MARGIN), min(1, len(exhibit.keys))
    for css, words in exhibit.keys:
        wide = 28 + _LETTER * len(words)
        if x > _MARGIN and x + wide > across + _MARGIN:
            x, y, rows = float(_MARGIN), y + _KEY_LINE, rows + 1
        if css in ("came", "missed"):
            mark = f'<circle class="{css}" cx="{x + 9}" cy="{y}" r="4"/>'
        elif css.startswith("band") or css in ("actual", "waiting"):
            mark = f'<rect class="{css}" x="{x}" y="{y - 6}" width="18" height="12"/>'
        else:
            mark = f'<line class="{css}" x1="{x}" x2="{x + 22}" y1="{y}" y2="{y}"/>'
        text = f'<text class="source" x="{x + 28}" y="{y + 4}">{escape(words)}</text>'
        parts.append(f'<g class="chart">{mark}</g>{text}')
        x += wide + 18
    return "".join(parts), rows


@cache
def _colours() -> dict[str, str]:
    """Return the colours of the light theme."""
    return dict(_VARIABLE.findall((_STATIC / "page.css").read_text("utf-8").partition("@media")[0]))


@cache
def _style() -> str:
    """Return the chart styles with colours inlined: the renderer does not support variables."""
    colours = _colours()
    css = (_STATIC / "charts.css").read_text("utf-8").partition("@media")[0]
    css = re.sub(r"var\(--(\w+)\)", lambda match: colours[match[1]], css)
    return f"""{css.replace("font-family: inherit;", "")}
        text {{ font-family: DejaVu Sans; }}
        .source {{ fill: {colours["soft"]}; font-size: 12px; }}
        .title {{ fill: {colours["ink"]}; font-size: 18px; font-weight: 700; }}"""
