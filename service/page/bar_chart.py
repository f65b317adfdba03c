"""Small bar charts of probabilities: a bar for each day or for each number of days."""

from __future__ import annotations

__all__ = ["chance_bars", "count_bars", "share_bars"]

from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup

from service.page.svg_axes import Sheet


def chance_bars(rows: Sequence[dict[str, Any]], column: str, title: str) -> Markup:
    """Draw the chance in `column` of each day; rows have ``date``."""
    days = [row["date"] for row in rows]
    return _chart([row[column] for row in rows], title, lambda sheet: sheet.mondays(days))


def count_bars(chances: Sequence[float], title: str) -> Markup:
    """Draw the chance of 0, 1, 2 … days."""

    def marks(sheet: Sheet) -> str:
        every = next(n for n in (1, 2, 5, 10, 20, 50, 100) if n * sheet.step >= 24)
        places = range(0, len(chances), every)
        return "".join(sheet.text(sheet.x(at + 0.5), sheet.height - 8, at) for at in places)

    return _chart(chances, title, marks)


def share_bars(counts: Sequence[int], title: str) -> Markup:
    """Draw ten bars from lowest to highest, with a line at the expected height."""

    def marks(sheet: Sheet) -> str:
        low, high = sheet.x(0), sheet.x(len(counts))
        return sheet.text(low, sheet.height - 8, "fewer than expected", "start") + sheet.text(
            high, sheet.height - 8, "more than expected", "end"
        )

    shares = [count / sum(counts) for count in counts]
    return _chart(shares, title, marks, lambda sheet: sheet.across("promised", 100 / len(counts)))


def _chart(
    chances: Sequence[float],
    title: str,
    below: Callable[[Sheet], str],
    above: Callable[[Sheet], str] = lambda _: "",
) -> Markup:
    """Draw bars, with `below` behind and `above` in front."""
    highest = 100 * max(chances, default=0)
    # Scale to the tallest bar in per cent; round so that nearly equal charts match.
    top = next((top for top in (10, 20, 40, 60, 80) if highest <= top), 100)
    sheet = Sheet(460, 190, 56, len(chances), top)
    bars = [sheet.bar("chance", at, 0, 100 * p, gap=1.5) for at, p in enumerate(chances)]
    return sheet.svg(title, [sheet.axis(2, "%"), below(sheet), *bars, above(sheet)], "chart small")
