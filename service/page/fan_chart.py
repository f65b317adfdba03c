"""The fan chart as SVG, rendered on the server so that it prints and needs no script."""

from __future__ import annotations

__all__ = ["Line", "bar", "fan_chart", "range_bar", "ribbon", "steps"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from service.answers.wording import long_day
from service.page.svg_axes import Sheet, ceiling, path

_BANDS = (("lo95", "hi95", "band95"), ("lo80", "hi80", "band80"), ("lo50", "hi50", "band50"))
_NARROW_PAST = 35
Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Line:
    """A horizontal line across the forecast days, such as the places needed."""

    value: int
    label: str


def fan_chart(
    past: Rows,
    days: Rows,
    title: str,
    came: Rows = (),
    line: Line | None = None,
    waiting: int = 0,
) -> Markup:
    """Draw past days as bars and forecast days as nested bands around the median.

    Twice: wide, and narrow with fewer past days and larger letters for a phone.

    Parameters
    ----------
    past, came : rows with ``date`` and ``value``
        The figures before the forecast, and those of its own days that came after it was made.
    days : rows with ``date``, ``median`` and the bounds at 50, 80 and 95 per cent
    title : str
        What is drawn; the days are added.
    waiting : int
        So many of the first `days` are over, and not yet published.

    Rows of `past` and `days` with ``last_year_mean`` have it drawn as a line.
    """
    late = max(waiting - _NARROW_PAST, 0)
    near, soon = past[max(len(past) + waiting - _NARROW_PAST, 0) :], days[late:]
    wide = Sheet(960, 360, 58, len(past) + len(days), _top(past, days, came, line), "wide")
    slim = Sheet(420, 320, 50, len(near) + len(soon), _top(near, soon, came, line), "narrow")
    return _svg(wide, title, past, days, came, line, waiting, 0) + _svg(
        slim, title, near, soon, came, line, waiting - late, len(past) - len(near) + late
    )


def _svg(
    sheet: Sheet,
    title: str,
    past: Rows,
    days: Rows,
    came: Rows,
    line: Line | None,
    waiting: int,
    skipped: int,
) -> Markup:
    """One of the drawings; it leaves out the first `skipped` days."""
    label = ", ".join(
        [
            *([f"{len(past)} days as published"] if past else []),
            *([f"{waiting} days not yet published"] if waiting else []),
            f"{len(days) - waiting} days of forecast to {long_day(days[-1]['date'])}",
        ]
    )
    return sheet.svg(
        f"{title}: {label}; the numbers are in the table below",
        _draw(sheet, past, days, came, line, waiting),
        skipped=skipped,
    )


def range_bar(row: dict[str, Any], top: float) -> Markup:
    """One day's bands as a bar on the scale of `top`; the numbers stand beside it."""
    parts = [
        f'<rect class="{css}" x="{200 * row[lo] / top:.1f}" y="2" '
        f'width="{max(200 * (row[hi] - row[lo]) / top, 0.6):.1f}" height="12"/>'
        for lo, hi, css in _BANDS
    ]
    x = min(max(200 * row["median"] / top, 1), 199)
    return Markup(
        '<svg class="bar" viewBox="0 0 200 16" preserveAspectRatio="none" aria-hidden="true">'
        f'{"".join(parts)}<rect class="tip" x="{x - 1:.1f}" y="0" width="2" height="16"/></svg>'
    )


def _top(past: Rows, days: Rows, came: Rows, line: Line | None) -> float:
    counts = [row["value"] for row in (*past, *came)] + [row["hi95"] for row in days]
    counts += [row.get("last_year_mean") or 0 for row in (*past, *days)]
    return ceiling(max([*counts, line.value if line else 0, 1]))


def _draw(
    sheet: Sheet, past: Rows, days: Rows, came: Rows, line: Line | None, waiting: int
) -> list[str]:
    first = len(past)
    parts = [sheet.axis(), sheet.mondays([row["date"] for row in (*past, *days)])]
    if waiting:
        parts.append(
            f'<rect class="waiting" x="{sheet.x(first):.1f}" y="{sheet.above}" '
            f'width="{waiting * sheet.step:.1f}" height="{sheet.y(0) - sheet.above:.1f}"/>'
        )
    parts += [bar(sheet, at, row["value"]) for at, row in enumerate(past) if row["value"]]
    parts += [
        f'<path class="{css}" d="{ribbon(sheet, first, days, lo, hi)}"/>' for lo, hi, css in _BANDS
    ]
    parts.append(_last_year(sheet, [*past, *days]))
    parts.append(f'<path class="median" d="{path(steps(sheet, first, days, "median"))}"/>')
    place = {row["date"]: first + at for at, row in enumerate(days)}
    parts += [_dot(sheet, place[row["date"]], row["value"]) for row in came]
    if past or waiting:
        x = sheet.x(first + waiting)
        parts.append(
            f'<line class="today" x1="{x:.1f}" x2="{x:.1f}" '
            f'y1="{sheet.above}" y2="{sheet.y(0):.1f}"/>'
        )
    if line:
        parts.append(_across(sheet, line))
    return parts


def _last_year(sheet: Sheet, rows: Rows) -> str:
    points = [
        (sheet.x(at + 0.5), sheet.y(row["last_year_mean"]))
        for at, row in enumerate(rows)
        if row.get("last_year_mean") is not None
    ]
    if not points:
        return ""
    way = path(points)
    # On a line of the background's colour, so that it is seen against bars and bands.
    return f'<path class="halo" d="{way}"/><path class="then" d="{way}"/>'


def bar(sheet: Sheet, at: int, value: int) -> str:
    """The published count of a day."""
    gap = min(sheet.step / 6, 1)
    return (
        f'<rect class="actual" x="{sheet.x(at) + gap:.1f}" y="{sheet.y(value):.1f}" '
        f'width="{sheet.step - 2 * gap:.1f}" height="{sheet.y(0) - sheet.y(value):.1f}"/>'
    )


def _dot(sheet: Sheet, at: int, value: int) -> str:
    return f'<circle class="came" cx="{sheet.x(at + 0.5):.1f}" cy="{sheet.y(value):.1f}" r="3.5"/>'


def _across(sheet: Sheet, line: Line) -> str:
    y = sheet.y(line.value)
    return (
        f'<line class="limit" x1="{sheet.left}" x2="{sheet.width - sheet.right}" '
        f'y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="limit-label" x="{sheet.width - sheet.right}" y="{y - 6:.1f}" '
        f'text-anchor="end">{line.label}</text>'
    )


def ribbon(sheet: Sheet, first: int, days: Rows, lo: str, hi: str) -> str:
    """The outline of a band, a step a day: counts do not slide from one day to the next."""
    outline = steps(sheet, first, days, hi) + steps(sheet, first, days, lo)[::-1]
    return f"{path(outline)}Z"


def steps(sheet: Sheet, first: int, days: Rows, column: str) -> list[tuple[float, float]]:
    """The corners of a line that keeps its height for a day."""
    return [
        (sheet.x(first + at + side), sheet.y(row[column]))
        for at, row in enumerate(days)
        for side in (0, 1)
    ]
