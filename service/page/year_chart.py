"""Chart of the year so far and the range of its total, against earlier years."""

from __future__ import annotations

__all__ = ["year_chart"]

import datetime as dt
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from service.answers.wording import long_day
from service.page.svg_axes import BANDS, Sheet, ceiling, element, path

Rows = Sequence[dict[str, Any]]


def year_chart(year: dict[str, Any], title: str) -> Markup:
    """Draw the totals since 1 January as curves, with nested bands for the forecast days."""
    rows, earlier = year["rows"], year["earlier"]
    published = [row for row in rows if row["value"] is not None]
    label = ", ".join(
        [
            title,
            *([f"as published to {long_day(published[-1]['date'])}"] if published else []),
            *([f"forecast to {long_day(rows[-1]['date'])}"] if len(published) < len(rows) else []),
            *([f"and each year from {earlier[-1]} to {earlier[0]}"] if earlier else []),
        ]
    )
    names = ("value", "hi95", *(f"year_{one}" for one in earlier))
    top = ceiling(max((row[name] or 0 for row in rows for name in names), default=1) or 1)
    sheets = (
        Sheet(960, 380, 66, len(rows), top, "wide", right=52),
        Sheet(420, 340, 62, len(rows), top, "narrow", right=52),
    )
    parts = f"{label}; the numbers are in the table below"
    return Markup("").join(sheet.svg(parts, _draw(sheet, rows, earlier)) for sheet in sheets)


def _draw(sheet: Sheet, rows: Rows, earlier: Sequence[int]) -> list[str]:
    parts = [sheet.axis(), _months(sheet, rows)]
    for lo, hi, css in BANDS:
        outline = [*_points(sheet, rows, hi), *_points(sheet, rows, lo)[::-1]]
        parts += [element("path", css, d=f"{path(outline)}Z")] if outline else []
    curves = [(f"year_{year}", "before") for year in reversed(earlier[1:])]
    curves += [(f"year_{year}", "then") for year in earlier[:1]]
    for name, css in (*curves, ("median", "middle"), ("value", "median")):
        points = _points(sheet, rows, name)
        parts += [element("path", css, d=path(points))] if points else []
    return [*parts, *_names(sheet, rows, earlier)]


def _points(sheet: Sheet, rows: Rows, name: str) -> list[tuple[float, float]]:
    places = [at for at, row in enumerate(rows) if row[name] is not None]
    every = 2 if sheet.name == "wide" else 4  # more points would fall within a pixel
    shown = [*places[:-1:every], *places[-1:]]
    return [(sheet.x(at + 1), sheet.y(rows[at][name])) for at in shown]


def _months(sheet: Sheet, rows: Rows) -> str:
    every = 1 if sheet.name == "wide" else 3
    return "".join(
        sheet.mark(at, f"{dt.date.fromisoformat(row['date']):%b}")
        for at, row in enumerate(rows)
        if row["date"].endswith("-01") and (int(row["date"][5:7]) - 1) % every == 0
    )


def _names(sheet: Sheet, rows: Rows, earlier: Sequence[int]) -> list[str]:
    """Label the earlier years at the ends of their curves, spaced to avoid overlap."""
    apart = 15 if sheet.name == "wide" else 18
    last = rows[-1]
    ends = sorted((sheet.y(last[f"year_{y}"]), y) for y in earlier if last[f"year_{y}"] is not None)
    names, above = [], 0.0
    for place, (y, year) in enumerate(ends):
        # Leave space for the labels below.
        lowest = sheet.y(0) - apart * (len(ends) - 1 - place)
        above = min(max(y + 4, above + apart if place else y + 4), lowest + 4)
        css = "tick then-label" if year == earlier[0] else "tick"
        names.append(element("text", css, year, x=sheet.end + 6, y=above))
    return names
