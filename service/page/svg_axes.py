"""The drawing area of charts: scales for days and counts, axes and the SVG frame."""

__all__ = ["BANDS", "Sheet", "ceiling", "element", "path"]

import datetime as dt
import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from service.answers.wording import short_day

BANDS = (("lo95", "hi95", "band95"), ("lo80", "hi80", "band80"), ("lo50", "hi50", "band50"))
"""Columns and class of each band, widest first."""
_MARK_ROOM = 76  # drawing units between marks
_HALF_LETTER = 4.5  # half the width of a letter of a label, in drawing units
_STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10)
_SIZES = {"wide": (960, 360), "narrow": (420, 320), "small": (460, 190), "coverage": (300, 96)}
_LEAST_LEFT, _ABOVE, _BELOW = 56, 12, 30


def element(name: str, css: str, text: object = "", **attributes: float | str) -> str:
    """Return an SVG element; fractional lengths have one decimal."""
    written = "".join(
        f' {key.replace("_", "-")}="{f"{value:.1f}" if isinstance(value, float) else value}"'
        for key, value in attributes.items()
    )
    start = f'<{name} class="{css}"{written}'
    return f"{start}/>" if text == "" else f"{start}>{text}</{name}>"


class Sheet:
    """A drawing of `days` columns and counts from 0 to `top`, in units of the drawing.

    `size` is its class too. The style sheet shows either the wide or the narrow of two drawings.
    """

    def __init__(self, size: str, days: int, top: float, right: int = 6) -> None:
        """`right` is the space beside the last day."""
        self.size, self.days, self.top = size, days, top
        self.width, self.height = _SIZES[size]
        self.left = max(_LEAST_LEFT, 9 * len(f"{top:,.0f}") + 9)  # room for the axis
        self.end = self.width - right
        self.step = (self.end - self.left) / days  # the width of a day

    def x(self, day: float) -> float:
        """Left edge of a day."""
        return self.left + day * self.step

    def y(self, count: float) -> float:
        """Height of a count."""
        floor = self.height - _BELOW
        return floor - (floor - _ABOVE) * count / self.top

    def axis(self, parts: int = 4, unit: str = "") -> str:
        """Draw horizontal lines with their counts."""
        counts = [self.top * part / parts for part in range(parts + 1)]
        return "".join(
            self.across("grid", count)
            + self.text(self.left - 8, self.y(count) + 4, f"{count:,.0f}{unit}", "end")
            for count in counts
        )

    def across(self, css: str, count: float) -> str:
        """Draw a line at the height of `count`."""
        y = self.y(count)
        return element("line", css, x1=self.left, x2=self.end, y1=y, y2=y)

    def text(self, x: float, y: float, text: object, anchor: str = "middle") -> str:
        """Draw an axis label."""
        return element("text", "tick", text, x=x, y=y, text_anchor=anchor)

    def bar(self, css: str, at: int, lo: float, hi: float, gap: float = 1, least: float = 0) -> str:
        """Draw a bar within a day, from one count to another, with a minimum height."""
        gap = min(self.step / 6, gap)
        height, width = max(self.y(lo) - self.y(hi), float(least)), self.step - 2 * gap
        return element("rect", css, x=self.x(at) + gap, y=self.y(hi), width=width, height=height)

    def dot(self, css: str, at: int, count: float, radius: float) -> str:
        """Draw a dot in the middle of a day."""
        return element("circle", css, cx=self.x(at + 0.5), cy=self.y(count), r=f"{radius:g}")

    def mondays(self, days: Sequence[str]) -> str:
        """Draw marks on Mondays, as many as fit."""
        mondays = [at for at, day in enumerate(days) if dt.date.fromisoformat(day).weekday() == 0]
        every = max(math.ceil(_MARK_ROOM / (7 * self.step)), 1)
        # Count from the last, so that the forecast days keep their marks.
        return self.marks([(at, days[at]) for at in mondays[::-1][::every][::-1]])

    def marks(self, days: Sequence[tuple[float, str]]) -> str:
        """Draw marks with dates; the first mark, and the first of each year, include the year."""
        years = [None, *(day[:4] for _, day in days)]
        return "".join(
            self.mark(at, short_day(day, day[:4] != year))
            for (at, day), year in zip(days, years, strict=False)
        )

    def mark(self, at: float, name: str) -> str:
        """Draw a labelled mark below the axis; a label at the edge is moved inwards to fit."""
        x, y = self.x(at), self.y(0)
        line = element("line", "mark", x1=x, x2=x, y1=y, y2=y + 5)
        return line + self.text(
            min(x, self.width - _HALF_LETTER * len(name)), self.height - 8, name
        )

    def svg(self, title: str, parts: Sequence[str], **data: int) -> Markup:
        """Return the drawing with its text alternative, and `data` for the script."""
        data |= {"left": self.left, "right": self.end, "days": self.days}
        more = "".join(f' data-{name}="{value}"' for name, value in data.items())
        return Markup(
            f'<svg class="chart {self.size}" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{escape(title)}"{more}>{"".join(parts)}</svg>'
        )


def ceiling(count: float) -> float:
    """Return the next round number that divides into four whole counts."""
    scale = 10 ** math.floor(math.log10(max(count, 4) / 4))
    steps = (step * scale for step in _STEPS if step * scale % 1 == 0)
    return float(4 * next(step for step in steps if step * 4 >= count))


def path(points: Sequence[tuple[float, float]]) -> str:
    """Return SVG path data through `points`."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
