"""Charts of past forecasts and their outcomes."""

from __future__ import annotations

__all__ = ["coverage_chart", "coverage_grid", "weeks_chart"]

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from service.answers.wording import long_day
from service.page.svg_axes import Sheet, ceiling, element

_LEVELS = (50, 80, 95)
_NARROW_WEEKS = 16
Rows = Sequence[dict[str, Any]]


def weeks_chart(weeks: Rows, unit: str) -> Markup:
    """Draw each week's intervals and median, with a dot for the outcome (a ring outside 95%)."""
    svgs = []
    for size, name, shown in (
        ((960, 320, 58), "wide", weeks),
        ((420, 300, 50), "narrow", weeks[-_NARROW_WEEKS:]),
    ):
        top = ceiling(max(max(week["hi95"], week["truth"]) for week in shown) or 1)
        sheet = Sheet(*size, len(shown), top, name, right=24)
        title = (
            f"{unit.capitalize()} in the 7 days after each forecast: ranges of {len(shown)} "
            f"forecasts, from {long_day(shown[0]['from'])} to {long_day(shown[-1]['to'])}, and "
            "arrivals; the numbers are in the table below"
        )
        svgs.append(sheet.svg(title, _draw(sheet, shown)))
    return Markup("").join(svgs)


def _draw(sheet: Sheet, weeks: Rows) -> list[str]:
    every, gap = max(round(84 / sheet.step), 1), 0.15 * sheet.step
    marked = range((len(weeks) - 1) % every, len(weeks), every)
    parts = [sheet.axis(), sheet.marks([(at + 0.5, weeks[at]["from"]) for at in marked])]
    for at, week in enumerate(weeks):
        for level in (95, 80):
            bounds = week[f"lo{level}"], week[f"hi{level}"]
            parts.append(sheet.bar(f"band{level}", at, *bounds, gap=gap, least=1))
        x, y = sheet.x(at), sheet.y(week["median"])
        parts.append(element("line", "median", x1=x + gap, x2=x + sheet.step - gap, y1=y, y2=y))
        missed = not week["lo95"] <= week["truth"] <= week["hi95"]
        parts.append(sheet.dot("came missed" if missed else "came", at, week["truth"], 4))
    return parts


def coverage_chart(row: dict[str, Any], name: str) -> Markup:
    """Draw the coverage of the intervals, with its uncertainty, and the nominal level."""
    sheet = Sheet(300, 96, 44, 100, 100, right=14, above=2, below=22)
    parts = []
    for per_cent in (0, 25, 50, 75, 100):
        x = sheet.x(per_cent)
        parts.append(element("line", "grid", x1=x, x2=x, y1=2, y2=74))
        parts.append(sheet.text(x, 91, per_cent, "end" if per_cent == 100 else "middle"))
    held = []
    for level, y in zip(_LEVELS, (14, 38, 62), strict=True):
        parts.append(sheet.text(sheet.left - 8, y + 4, f"{level}%", "end"))
        share = row[f"coverage{level}"]
        if share is None:
            continue
        promised = sheet.x(level)
        lo, hi = (sheet.x(100 * row[f"coverage{level}_{end}"]) for end in ("lo", "hi"))
        parts += [
            element("line", "promised", x1=promised, x2=promised, y1=y - 9, y2=y + 9),
            element("line", "whisker", x1=lo, x2=hi, y1=y, y2=y),
            element("circle", "held", cx=sheet.x(100 * share), cy=y, r=5),
        ]
        held.append(f"{level}% ranges were right {100 * share:.0f}% of the time")
    title = f"{name}: {', '.join(held) or 'no scores yet'}"
    return sheet.svg(title, parts, "chart coverage")


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
