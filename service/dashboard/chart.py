"""The fan chart as SVG, drawn on the server: it needs no script and it prints."""

from __future__ import annotations

__all__ = ["fan_chart"]

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 960, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 8, 14, 34
_BANDS = (("lo95", "hi95", "band95"), ("lo80", "hi80", "band80"), ("lo50", "hi50", "band50"))
_STEPS = (1, 2, 2.5, 5, 10)


def fan_chart(past: Sequence[dict[str, Any]], days: Sequence[dict[str, Any]], unit: str) -> Markup:
    """Draw the days that were, as bars, and those to come, as nested bands around the median.

    Parameters
    ----------
    past : rows with ``date`` and ``value``
    days : rows with ``date``, ``median`` and the bounds at 50, 80 and 95 per cent
    unit : str
        What the vertical axis counts.
    """
    top = _ceiling(max([row["value"] for row in past] + [row["hi95"] for row in days] + [1]))
    plot = _Plot(len(past) + len(days), top)
    parts = [_axis(plot, top), _months(plot, [row["date"] for row in (*past, *days)])]
    parts += [
        f'<rect class="actual" x="{plot.x(at) + 1:.1f}" y="{plot.y(row["value"]):.1f}" '
        f'width="{max(plot.step - 2, 1):.1f}" height="{plot.y(0) - plot.y(row["value"]):.1f}"/>'
        for at, row in enumerate(past)
        if row["value"]
    ]
    first = len(past)
    parts += [
        f'<path class="{css}" d="{_ribbon(plot, first, days, lo, hi)}"/>' for lo, hi, css in _BANDS
    ]
    middle = _path(_steps(plot, first, days, "median"))
    parts.append(f'<path class="median" d="{middle}"/>')
    parts.append(
        f'<line class="today" x1="{plot.x(first):.1f}" x2="{plot.x(first):.1f}" '
        f'y1="{_TOP}" y2="{plot.y(0):.1f}"/>'
    )
    title = (
        f"{unit} per day: {len(past)} days as published, then {len(days)} days of forecast "
        f"from {days[0]['date']} to {days[-1]['date']}"
    )
    return Markup(
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-labelledby="chart-title"><title id="chart-title">{escape(title)}</title>'
        f"{''.join(parts)}</svg>"
    )


class _Plot:
    """Where days and counts lie on the sheet."""

    def __init__(self, days: int, top: float) -> None:
        self.step = (_WIDTH - _LEFT - _RIGHT) / days
        self._top = top

    def x(self, day: float) -> float:
        return _LEFT + day * self.step

    def y(self, count: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * count / self._top


def _ceiling(count: float) -> float:
    """The next round number that four grid lines divide well."""
    scale = 10 ** math.floor(math.log10(max(count, 4) / 4))
    step = next(s for s in _STEPS if s * scale * 4 >= count)
    return float(4 * max(step * scale, 1))


def _axis(plot: _Plot, top: float) -> str:
    lines = []
    for part in range(5):
        count = top * part / 4
        y = plot.y(count)
        lines.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{count:,.0f}</text>"
        )
    return "".join(lines)


def _months(plot: _Plot, days: Sequence[str]) -> str:
    """A mark on every second Monday, so that weeks can be told."""
    mondays = [at for at, day in enumerate(days) if dt.date.fromisoformat(day).weekday() == 0]
    marks = []
    for at in mondays[::2]:
        day = dt.date.fromisoformat(days[at])
        marks.append(
            f'<line class="mark" x1="{plot.x(at):.1f}" x2="{plot.x(at):.1f}" '
            f'y1="{plot.y(0):.1f}" y2="{plot.y(0) + 5:.1f}"/>'
            f'<text class="tick" x="{plot.x(at):.1f}" y="{_HEIGHT - 10}" text-anchor="middle">'
            f"{day.day} {day:%b}</text>"
        )
    return "".join(marks)


def _ribbon(plot: _Plot, first: int, days: Sequence[dict[str, Any]], lo: str, hi: str) -> str:
    """The outline of a band, a step a day: counts do not slide from one day to the next."""
    outline = _steps(plot, first, days, hi) + _steps(plot, first, days, lo)[::-1]
    return f"{_path(outline)}Z"


def _steps(
    plot: _Plot, first: int, days: Sequence[dict[str, Any]], column: str
) -> list[tuple[float, float]]:
    return [
        (plot.x(first + at + side), plot.y(row[column]))
        for at, row in enumerate(days)
        for side in (0, 1)
    ]


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
