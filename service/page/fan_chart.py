"""The fan chart as SVG, rendered on the server so that it prints and needs no script."""

from __future__ import annotations

__all__ = ["fan_chart", "ribbon", "steps"]

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from service.answers.wording import long_day
from service.page.svg_axes import BANDS, Sheet, ceiling, element, path

_NARROW_PAST = 35
Rows = Sequence[dict[str, Any]]


def fan_chart(
    past: Rows,
    days: Rows,
    title: str,
    came: Rows = (),
    limit: tuple[int, str] | None = None,
    waiting: int = 0,
) -> Markup:
    """Draw past days as bars and forecast days as nested bands around the median.

    Drawn twice: wide, and narrow for phones with fewer past days and larger text.

    Parameters
    ----------
    past, came : rows with ``date`` and ``value``
        Figures before the forecast, and outcomes of its own days.
    days : rows with ``date``, ``median`` and the bounds at 50, 80 and 95 per cent
    title : str
        Title without the days, which are added.
    limit : (int, str)
        A count at which to draw a labelled line, such as the places needed.
    waiting : int
        How many of the first `days` are over but not yet published.

    ``last_year_mean`` in `past` and `days` is drawn as a line.
    """
    late = max(waiting - _NARROW_PAST, 0)
    near, soon = past[max(len(past) + waiting - _NARROW_PAST, 0) :], days[late:]
    drawings = (
        ((960, 360, 58), "wide", past, days, waiting, 0),
        ((420, 320, 50), "narrow", near, soon, waiting - late, len(past) - len(near) + late),
    )
    svgs = []
    for size, name, before, ahead, unpublished, skipped in drawings:
        counts = [row["value"] for row in (*before, *came)] + [row["hi95"] for row in ahead]
        counts += [row.get("last_year_mean") or 0 for row in (*before, *ahead)]
        top = ceiling(max([*counts, limit[0] if limit else 0, 1]))
        sheet = Sheet(*size, len(before) + len(ahead), top, name)
        label = ", ".join(
            [
                *([f"{len(before)} days as published"] if before else []),
                *([f"{unpublished} days not yet published"] if unpublished else []),
                f"{len(ahead) - unpublished} days of forecast to {long_day(ahead[-1]['date'])}",
            ]
        )
        parts = _draw(sheet, before, ahead, came, limit, unpublished)
        label = f"{title}: {label}; the numbers are in the table below"
        svgs.append(sheet.svg(label, parts, skipped=skipped))
    return Markup("").join(svgs)


def _draw(
    sheet: Sheet,
    past: Rows,
    days: Rows,
    came: Rows,
    limit: tuple[int, str] | None,
    waiting: int,
) -> list[str]:
    first, all_days = len(past), [*past, *days]
    floor, above = sheet.y(0), sheet.above
    parts = [sheet.axis(), sheet.mondays([row["date"] for row in all_days])]
    if waiting:
        x, width = sheet.x(first), waiting * sheet.step
        parts.append(element("rect", "waiting", x=x, y=above, width=width, height=floor - above))
    parts += [
        sheet.bar("actual", at, 0, row["value"]) for at, row in enumerate(past) if row["value"]
    ]
    for lo, hi, css in BANDS:
        parts.append(element("path", css, d=ribbon(sheet, first, days, lo, hi)))
    last_year = [
        (sheet.x(at + 0.5), sheet.y(row["last_year_mean"]))
        for at, row in enumerate(all_days)
        if row.get("last_year_mean") is not None
    ]
    if last_year:
        # Outline in the background colour, to stand out from bars and bands.
        parts += [element("path", css, d=path(last_year)) for css in ("halo", "then")]
    parts.append(element("path", "median", d=path(steps(sheet, first, days, "median"))))
    places = {row["date"]: first + at for at, row in enumerate(days)}
    parts += [sheet.dot("came", places[row["date"]], row["value"], 3.5) for row in came]
    if past or waiting:
        x = sheet.x(first + waiting)
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
