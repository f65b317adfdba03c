"""Charts as PNG, drawn from the same SVG and style sheet as on the page."""

from __future__ import annotations

__all__ = ["icon_png", "png_of"]

import re
import textwrap
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from markupsafe import escape

from service.page.exhibits import Exhibit

_STATIC = Path(__file__).parent / "static"
_MARGIN, _LINE, _SCALE = 24, 18, 2
_TITLE_LINE, _KEY_LINE = 24, 20
_TITLE_LETTER, _LETTER, _SOURCE_LETTER = 11.0, 7.4, 6.6  # approximate letter widths
_LEAST_WIDTH = 620
_VIEW = re.compile(r'viewBox="0 0 (\d+) (\d+)"')
_VARIABLE = re.compile(r"--(\w+): ([^;]+);")


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
