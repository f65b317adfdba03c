"""Charts of past forecasts and their outcomes."""

from __future__ import annotations

__all__ = ["coverage_chart", "coverage_grid", "weeks_chart"]

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from service.answers.wording import long_day
from service.page.svg_axes import Sheet, ceiling

_LEVELS = (50, 80, 95)
_NARROW_WEEKS = 16
Rows = Sequence[dict[str, Any]]


def weeks_chart(weeks: Rows, unit: str) -> Markup:
    """Draw each week's intervals and median, with a dot for the outcome (a ring outside 95%)."""
    near = weeks[-_NARROW_WEEKS:]
    wide = Sheet(960, 320, 58, len(weeks), _top(weeks), "wide", right=24)
    slim = Sheet(420, 300, 50, len(near), _top(near), "narrow", right=24)
    return _svg(wide, weeks, unit) + _svg(slim, near, unit)


def _svg(sheet: Sheet, weeks: Rows, unit: str) -> Markup:
    title = (
        f"{unit.capitalize()} in the 7 days after each forecast: ranges of {len(weeks)} forecasts, "
        f"from {long_day(weeks[0]['from'])} to {long_day(weeks[-1]['to'])}, and arrivals; the "
        "numbers are in the table below"
    )
    return sheet.svg(title, _draw(sheet, weeks))


def coverage_chart(row: dict[str, Any], name: str) -> Markup:
    """Draw the coverage of the intervals, with its uncertainty, and the nominal level."""
    sheet = Sheet(300, 96, 44, 100, 100, right=14, above=2, below=22)
    parts = [
        f'<line class="grid" x1="{sheet.x(p):.1f}" x2="{sheet.x(p):.1f}" y1="2" y2="74"/>'
        f'<text class="tick" x="{sheet.x(p):.1f}" y="91" text-anchor="{anchor}">{p}</text>'
        for p, anchor in (
            (0, "middle"),
            (25, "middle"),
            (50, "middle"),
            (75, "middle"),
            (100, "end"),
        )
    ]
    for at, level in enumerate(_LEVELS):
        parts.append(_coverage(sheet, row, level, 14 + 24 * at))
    held = ", ".join(
        f"{level}% ranges were right {100 * row[f'coverage{level}']:.0f}% of the time"
        for level in _LEVELS
        if row[f"coverage{level}"] is not None
    )
    return sheet.svg(f"{name}: {held or 'no scores yet'}", parts, "chart coverage")


def coverage_grid(rows: Sequence[tuple[dict[str, Any], str]]) -> Markup:
    """Draw the coverage of several measures as one picture, three beside each other."""
    parts = []
    for at, (row, name) in enumerate(rows):
        chart = str(coverage_chart(row, name))
        chart = chart.replace("<svg", '<svg y="22" width="300" height="96"', 1)
        parts.append(
            f'<g transform="translate({at % 3 * 320} {at // 3 * 130})">'
            f'<text class="tick" y="14">{name}, {row["n"]} forecasts</text>{chart}</g>'
        )
    sheet = Sheet(960, 130 * ((len(rows) + 2) // 3), 0, 1, 1)
    return sheet.svg("How often the ranges were right, by days ahead and for totals", parts)


def _top(weeks: Rows) -> float:
    return ceiling(max(max(week["hi95"], week["truth"]) for week in weeks) or 1)


def _draw(sheet: Sheet, weeks: Rows) -> list[str]:
    parts = [sheet.axis()]
    every = max(round(84 / sheet.step), 1)
    parts.append(
        sheet.marks(
            [
                (at + 0.5, week["from"])
                for at, week in enumerate(weeks)
                if (len(weeks) - 1 - at) % every == 0
            ]
        )
    )
    for at, week in enumerate(weeks):
        for level in (95, 80):
            parts.append(_range(sheet, at, week[f"lo{level}"], week[f"hi{level}"], f"band{level}"))
        x, y = sheet.x(at), sheet.y(week["median"])
        parts.append(
            f'<line class="median" x1="{x + sheet.step * 0.15:.1f}" '
            f'x2="{x + sheet.step * 0.85:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        missed = not week["lo95"] <= week["truth"] <= week["hi95"]
        parts.append(
            f'<circle class="came{" missed" if missed else ""}" '
            f'cx="{sheet.x(at + 0.5):.1f}" cy="{sheet.y(week["truth"]):.1f}" r="4"/>'
        )
    return parts


def _range(sheet: Sheet, at: int, lo: int, hi: int, css: str) -> str:
    top, bottom = sheet.y(hi), sheet.y(lo)
    return (
        f'<rect class="{css}" x="{sheet.x(at + 0.15):.1f}" y="{top:.1f}" '
        f'width="{sheet.step * 0.7:.1f}" height="{max(bottom - top, 1):.1f}"/>'
    )


def _coverage(sheet: Sheet, row: dict[str, Any], level: int, y: int) -> str:
    label = f'<text class="tick" x="{sheet.left - 8}" y="{y + 4}" text-anchor="end">{level}%</text>'
    share = row[f"coverage{level}"]
    if share is None:
        return label
    lo, hi = (sheet.x(100 * row[f"coverage{level}_{end}"]) for end in ("lo", "hi"))
    return (
        f'{label}<line class="promised" x1="{sheet.x(level):.1f}" x2="{sheet.x(level):.1f}" '
        f'y1="{y - 9}" y2="{y + 9}"/>'
        f'<line class="whisker" x1="{lo:.1f}" x2="{hi:.1f}" y1="{y}" y2="{y}"/>'
        f'<circle class="held" cx="{sheet.x(100 * share):.1f}" cy="{y}" r="5"/>'
    )
