"""The chart of the email as PNG, drawn once for all readers in a light and a dark version."""

__all__ = ["THEMES", "draw"]

import datetime as dt
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from service.answers.wording import short_day

_AHEAD = 14
_INCHES, _DPI = (4.4, 3.1), 200  # 11 points stay readable on a phone at 288 pixels
_POINTS = 11
_COLOURS = 48  # a small palette makes the file a third of the size
THEMES = {
    "light": {
        "paper": "#ffffff", "ink": "#17212b", "soft": "#53606c", "line": "#e3e4e1",
        "lo95": "#e6f1f6", "lo80": "#c6e0eb", "lo50": "#9ccbdd", "edge": "#2c6580",
        "past": "#4a545d", "waiting": "#efe7cf",
    },
    "dark": {
        "paper": "#162028", "ink": "#ffffff", "soft": "#b4bec6", "line": "#2c3842",
        "lo95": "#12303f", "lo80": "#194458", "lo50": "#215c75", "edge": "#7cc3e0",
        "past": "#b4bec6", "waiting": "#2b2a20",
    },
}  # fmt: skip
"""Colours by role; those of bands and their edges are the page's, with 3:1 between them."""
_EDGES: dict[int, Any] = {95: (0, (3, 3)), 80: "solid", 50: "solid"}
"""Style of the edge of each band, widest first, as on the page."""


def draw(content: Mapping[str, Any]) -> dict[str, bytes]:
    """Draw past days as bars and forecast days as nested bands around the median, by theme."""
    return {theme: _png(_draw(content, colours)) for theme, colours in THEMES.items()}


def _draw(content: Mapping[str, Any], colours: Mapping[str, str]) -> Any:
    from matplotlib.figure import Figure

    past, waiting, coming = content["past"], content["waiting"], content["days"][:_AHEAD]
    figure = Figure(figsize=_INCHES, dpi=_DPI, facecolor=colours["paper"])
    axes = figure.add_axes((0.135, 0.105, 0.855, 0.635), facecolor=colours["paper"])
    first, today, days = len(past), len(past) + len(waiting), [*waiting, *coming]
    edges = np.arange(first, first + len(days) + 1)
    keys: dict[str, Any] = {}  # in the reverse order of the legend
    for level, style in _EDGES.items():
        lo, hi = ([row[f"{side}{level}"] for row in days] for side in ("lo", "hi"))
        keys[f"{level}% range"] = axes.stairs(
            hi, edges, baseline=lo, fill=True, fc=colours[f"lo{level}"], ec=colours["edge"],
            lw=0.8, ls=style,
        )  # fmt: skip
    middle, ink = [row["median"] for row in days], colours["ink"]
    keys["median"] = axes.stairs(middle, edges, baseline=None, color=ink, lw=2.2, zorder=3)
    if waiting:
        keys["not yet published"] = axes.axvspan(
            first, today, fc=colours["waiting"], ec=colours["soft"], lw=0.8, ls=":", zorder=0
        )
    if past:
        places, counts = np.arange(first) + 0.5, [row["value"] for row in past]
        keys["as published"] = axes.bar(places, counts, width=0.72, color=colours["past"])
    axes.axvline(today, color=colours["soft"], lw=0.8, ls=(0, (3, 3)))
    axes.text(
        today, 1.01, "today", transform=axes.get_xaxis_transform(), ha="center", va="bottom",
        fontsize=_POINTS, color=colours["soft"],
    )  # fmt: skip
    axes.set_xlim(0, first + len(days))
    axes.set_ylim(0, 1.06 * max(axes.get_ylim()[1], 4))
    _label(axes, [row["date"] for row in (*past, *days)], colours)
    axes.legend(
        [*keys.values()][::-1], [*keys][::-1],
        loc="lower left", bbox_to_anchor=(-0.16, 1.1), ncols=3, frameon=False,
        fontsize=_POINTS,
        labelcolor=colours["soft"], handlelength=1.1, handletextpad=0.4, columnspacing=0.9,
        borderpad=0,
    )  # fmt: skip
    return figure


def _label(axes: Any, dates: Sequence[str], colours: Mapping[str, str]) -> None:
    """Label every second Monday and the counts; leave out decorative lines."""
    mondays = [at for at, day in enumerate(dates) if dt.date.fromisoformat(day).weekday() == 0]
    mondays = mondays[::2]
    years = [None, *(dates[at][:4] for at in mondays)]
    marks = zip(mondays, years, strict=False)
    names = [short_day(dates[at], dates[at][:4] != year) for at, year in marks]
    axes.set_xticks(mondays, names)
    axes.yaxis.set_major_formatter(lambda count, _: f"{count:,.0f}")
    axes.yaxis.get_major_locator().set_params(integer=True, nbins=5)
    axes.tick_params(colors=colours["soft"], labelsize=_POINTS, length=3, width=0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color=colours["line"], lw=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set(color=colours["soft"], linewidth=0.6)


def _png(figure: Any) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    file = io.BytesIO()
    few = Image.fromarray(np.ascontiguousarray(pixels)).quantize(_COLOURS, Image.Quantize.MEDIANCUT)
    few.save(file, "PNG", optimize=True)
    return file.getvalue()
