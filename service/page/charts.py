"""Charts as SVG, rendered on the server so that they print and need no script."""

__all__ = ["chance_bars", "count_bars", "fan_chart", "ribbon", "share_bars", "steps", "year_chart"]

import datetime as dt
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from service.answers.wording import long_day, number_of_days
from service.page.svg_axes import BANDS, Sheet, ceiling, element, path

_NARROW_PAST = 35
Rows = Sequence[dict[str, Any]]


def fan_chart(
    rows: Rows,
    title: str,
    published: int = 0,
    waiting: int = 0,
    limit: tuple[int, str] | None = None,
) -> Markup:
    """Draw published days as bars and the others as nested bands around the median.

    Drawn twice: wide, and narrow for phones with fewer past days and larger text.

    All `rows` have ``date``, and the first `published` of them ``value``. The others have
    ``median`` and the bounds at 50, 80 and 95 per cent, and may have the outcome, ``came``; the
    first `waiting` of them are over but not yet published. ``last_year_mean`` is drawn as a line,
    and `limit` as a labelled line at a count, such as the places needed.
    """
    svgs = []
    for size, skipped in (("wide", 0), ("narrow", max(published + waiting - _NARROW_PAST, 0))):
        shown, first = rows[skipped:], max(published - skipped, 0)
        today = published + waiting - skipped
        names = ("value", "came", "hi95", "last_year_mean")
        highest = max(row.get(name) or 0 for row in shown for name in names)
        sheet = Sheet(size, len(shown), ceiling(max(highest, limit[0] if limit else 0, 1)))
        coming = number_of_days(len(shown) - today)
        label = [f"{number_of_days(first)} as published"] if first else []
        label += [f"{number_of_days(today - first)} not yet published"] if today > first else []
        label.append(f"{coming} of forecast to {long_day(shown[-1]['date'])}")
        parts = _draw_fan(sheet, shown, first, today, limit)
        svgs.append(sheet.svg(f"{title}: {', '.join(label)}", parts, skipped=skipped))
    return Markup("").join(svgs)


def _draw_fan(
    sheet: Sheet, rows: Rows, first: int, today: int, limit: tuple[int, str] | None
) -> list[str]:
    days, floor, above = rows[first:], sheet.y(0), sheet.y(sheet.top)
    parts = [sheet.axis(), sheet.mondays([row["date"] for row in rows])]
    if today > first:
        x, width = sheet.x(first), (today - first) * sheet.step
        parts.append(element("rect", "waiting", x=x, y=above, width=width, height=floor - above))
    counts = enumerate(row["value"] for row in rows[:first])
    parts += [sheet.bar("actual", at, 0, count) for at, count in counts if count]
    for lo, hi, css in BANDS:
        parts.append(element("path", css, d=ribbon(sheet, first, days, lo, hi)))
    last_year = [
        (sheet.x(at + 0.5), sheet.y(row["last_year_mean"]))
        for at, row in enumerate(rows)
        if row.get("last_year_mean") is not None
    ]
    if last_year:
        # Outline in the background colour, to stand out from bars and bands.
        parts += [element("path", css, d=path(last_year)) for css in ("halo", "then")]
    parts.append(element("path", "median", d=path(steps(sheet, first, days, "median"))))
    came = ((at, row.get("came")) for at, row in enumerate(rows))
    parts += [sheet.dot("came", at, count, 3.5) for at, count in came if count is not None]
    if today:
        x = sheet.x(today)
        parts.append(element("line", "today", x1=x, x2=x, y1=above, y2=floor))
    if limit:
        count, words = limit
        y = sheet.y(count) - 6
        parts.append(sheet.across("limit", count))
        parts.append(element("text", "limit-label", words, x=sheet.end, y=y, text_anchor="end"))
    return parts


def ribbon(sheet: Sheet, first: int, days: Rows, lo: str, hi: str) -> str:
    """Return the stepped outline of a band: counts do not slide from one day to the next."""
    outline = steps(sheet, first, days, hi) + steps(sheet, first, days, lo)[::-1]
    return f"{path(outline)}Z"


def steps(sheet: Sheet, first: int, days: Rows, column: str) -> list[tuple[float, float]]:
    """Return the corners of a line that stays level within each day."""
    return [
        (sheet.x(first + at + side), sheet.y(row[column]))
        for at, row in enumerate(days)
        for side in (0, 1)
    ]


def chance_bars(rows: Rows, column: str, title: str) -> Markup:
    """Draw the chance in `column` of each day; rows have ``date``."""
    sheet, bars = _bars([row[column] for row in rows])
    return sheet.svg(title, [*bars, sheet.mondays([row["date"] for row in rows])])


def count_bars(chances: Sequence[float], title: str) -> Markup:
    """Draw the chance of 0, 1, 2 … days."""
    sheet, bars = _bars(chances)
    every = next(n for n in (1, 2, 5, 10, 20, 50, 100) if n * sheet.step >= 24)
    places = range(0, len(chances), every)
    marks = [sheet.text(sheet.x(at + 0.5), sheet.height - 8, at) for at in places]
    return sheet.svg(title, [*bars, *marks])


def share_bars(counts: Sequence[int], title: str) -> Markup:
    """Draw ten bars from lowest to highest, with a line at the expected height."""
    sheet, bars = _bars([count / sum(counts) for count in counts])
    ends = ((0, "fewer than expected", "start"), (len(counts), "more than expected", "end"))
    words = [sheet.text(sheet.x(at), sheet.height - 8, text, side) for at, text, side in ends]
    expected = sheet.across("promised", 100 / len(counts))
    return sheet.svg(title, [*bars, *words, expected])


def _bars(chances: Sequence[float]) -> tuple[Sheet, list[str]]:
    """Return a small drawing, with its axis and bars."""
    highest = 100 * max(chances, default=0)
    # Scale to the tallest bar in per cent; round so that nearly equal charts match.
    top = next((top for top in (10, 20, 40, 60, 80) if highest <= top), 100)
    sheet = Sheet("small", len(chances), top)
    bars = [sheet.bar("chance", at, 0, 100 * p, gap=1.5) for at, p in enumerate(chances)]
    return sheet, [sheet.axis(2, "%"), *bars]


def year_chart(year: dict[str, Any], title: str) -> Markup:
    """Draw the totals since 1 January as curves, with nested bands for the forecast days."""
    rows, earlier = year["rows"], year["earlier"]
    published = [row for row in rows if row["value"] is not None]
    label = [title]
    label += [f"as published to {long_day(published[-1]['date'])}"] if published else []
    label += [f"forecast to {long_day(rows[-1]['date'])}"] if len(published) < len(rows) else []
    label += [f"and each year from {earlier[-1]} to {earlier[0]}"] if earlier else []
    names = ("value", "hi95", *(f"year_{one}" for one in earlier))
    top = ceiling(max((row[name] or 0 for row in rows for name in names), default=1) or 1)
    sheets = (Sheet(size, len(rows), top, right=52) for size in ("wide", "narrow"))
    return Markup("").join(
        sheet.svg(", ".join(label), _draw_year(sheet, rows, earlier)) for sheet in sheets
    )


def _draw_year(sheet: Sheet, rows: Rows, earlier: Sequence[int]) -> list[str]:
    parts = [sheet.axis(), _months(sheet, rows)]
    for lo, hi, css in BANDS:
        outline = [*_points(sheet, rows, hi), *_points(sheet, rows, lo)[::-1]]
        parts += [element("path", css, d=f"{path(outline)}Z")] if outline else []
    curves = [(f"year_{year}", "before") for year in reversed(earlier[1:])]
    curves += [(f"year_{year}", "then") for year in earlier[:1]]
    for name, css in (*curves, ("median", "middle"), ("value", "median")):
        points = _points(sheet, rows, name)
        parts += [element("path", css, d=path(points))] if points else []
    return [*parts, *_year_names(sheet, rows, earlier)]


def _points(sheet: Sheet, rows: Rows, name: str) -> list[tuple[float, float]]:
    places = [at for at, row in enumerate(rows) if row[name] is not None]
    every = 2 if sheet.size == "wide" else 4  # more points would fall within a pixel
    shown = [*places[:-1:every], *places[-1:]]
    return [(sheet.x(at + 1), sheet.y(rows[at][name])) for at in shown]


def _months(sheet: Sheet, rows: Rows) -> str:
    every = 1 if sheet.size == "wide" else 3
    return "".join(
        sheet.mark(at, f"{dt.date.fromisoformat(row['date']):%b}")
        for at, row in enumerate(rows)
        if row["date"].endswith("-01") and (int(row["date"][5:7]) - 1) % every == 0
    )


def _year_names(sheet: Sheet, rows: Rows, earlier: Sequence[int]) -> list[str]:
    """Label the earlier years at the ends of their curves, spaced to avoid overlap."""
    apart = 15 if sheet.size == "wide" else 18
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
