"""Small charts of chances: a bar for each day, or for each number of days."""

from __future__ import annotations

__all__ = ["chance_bars", "count_bars", "share_bars", "wind_bar"]

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from service.page.svg_axes import Sheet

_WIDTH, _HEIGHT, _LEFT = 460, 190, 56


def chance_bars(rows: Sequence[dict[str, Any]], column: str, title: str) -> Markup:
    """Draw the chance in `column` of each day; rows have ``date``."""
    chances = [row[column] for row in rows]
    sheet = Sheet(_WIDTH, _HEIGHT, _LEFT, len(rows), _top(chances))
    marks = sheet.mondays([row["date"] for row in rows])
    return sheet.svg(title, [*_frame(sheet), marks, *_bars(sheet, chances)], "chart small")


def count_bars(chances: Sequence[float], title: str) -> Markup:
    """Draw the chance of 0, 1, 2 … days."""
    sheet = Sheet(_WIDTH, _HEIGHT, _LEFT, len(chances), _top(chances))
    every = next(n for n in (1, 2, 5, 10, 20, 50, 100) if n * sheet.step >= 24)
    marks = [
        f'<text class="tick" x="{sheet.x(at + 0.5):.1f}" y="{_HEIGHT - 8}" text-anchor="middle">'
        f"{at}</text>"
        for at in range(0, len(chances), every)
    ]
    return sheet.svg(title, [*_frame(sheet), *marks, *_bars(sheet, chances)], "chart small")


def share_bars(counts: Sequence[int], title: str) -> Markup:
    """Draw tenths from the lowest to the highest, and a line where each should be."""
    total = sum(counts)
    shares = [count / total for count in counts]
    sheet = Sheet(_WIDTH, _HEIGHT, _LEFT, len(counts), _top(shares))
    even = sheet.y(100 / len(counts))
    ends = [
        f'<text class="tick" x="{x:.1f}" y="{_HEIGHT - 8}" text-anchor="{anchor}">{word}</text>'
        for x, anchor, word in (
            (sheet.x(0), "start", "fewer than expected"),
            (sheet.x(len(counts)), "end", "more than expected"),
        )
    ]
    line = (
        f'<line class="promised" x1="{_LEFT}" x2="{sheet.x(len(counts)):.1f}" '
        f'y1="{even:.1f}" y2="{even:.1f}"/>'
    )
    return sheet.svg(title, [*_frame(sheet), *ends, *_bars(sheet, shares), line], "chart small")


def wind_bar(row: dict[str, Any], top: float) -> Markup:
    """Draw the wind at night, median and middle 80%, of `top`; the numbers stand beside it."""
    lo, median, hi = (200 * row[f"wind_{end}"] / top for end in ("lo80", "median", "hi80"))
    return Markup(
        '<svg class="bar" viewBox="0 0 200 16" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="band80" x="{lo:.1f}" y="2" width="{max(hi - lo, 0.6):.1f}" height="12"/>'
        f'<rect class="tip" x="{min(median, 198):.1f}" y="0" width="2" height="16"/></svg>'
    )


def _top(chances: Sequence[float]) -> float:
    """The scale, in per cent: as high as the bars need, and the same for close cases."""
    highest = 100 * max(chances, default=0)
    return next((top for top in (10, 20, 40, 60, 80) if highest <= top), 100)


def _frame(sheet: Sheet) -> list[str]:
    return [sheet.axis(2, "%")]


def _bars(sheet: Sheet, chances: Sequence[float]) -> list[str]:
    gap = min(sheet.step / 6, 1.5)
    return [
        f'<rect class="chance" x="{sheet.x(at) + gap:.1f}" y="{sheet.y(100 * p):.1f}" '
        f'width="{sheet.step - 2 * gap:.1f}" height="{sheet.y(0) - sheet.y(100 * p):.1f}"/>'
        for at, p in enumerate(chances)
    ]
