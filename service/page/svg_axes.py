"""The sheet that charts are drawn on: where days and counts lie, axes, the frame as SVG."""

from __future__ import annotations

__all__ = ["Sheet", "ceiling", "path"]

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from service.answers.wording import short_day

_MARK_ROOM = 76  # units of the drawing, from one mark to the next
_STEPS = (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10)


@dataclass(frozen=True)
class Sheet:
    """A drawing of `days` columns and counts from 0 to `top`, in units of the drawing.

    Attributes
    ----------
    name : str
        Class of the drawing: the style sheet shows `wide` ones or `narrow` ones.
    """

    width: int
    height: int
    left: int
    days: int
    top: float
    name: str = ""
    right: int = 6
    above: int = 12
    below: int = 30

    @property
    def step(self) -> float:
        """Width of a day."""
        return (self.width - self.left - self.right) / self.days

    def x(self, day: float) -> float:
        """Left edge of a day."""
        return self.left + day * self.step

    def y(self, count: float) -> float:
        """Height of a count."""
        return self.height - self.below - (self.height - self.above - self.below) * count / self.top

    def axis(self, parts: int = 4, unit: str = "") -> str:
        """Lines across, with their counts."""
        lines = []
        for part in range(parts + 1):
            count = self.top * part / parts
            y = self.y(count)
            lines.append(
                f'<line class="grid" x1="{self.left}" x2="{self.width - self.right}" '
                f'y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text class="tick" x="{self.left - 8}" y="{y + 4:.1f}" text-anchor="end">'
                f"{count:,.0f}{unit}</text>"
            )
        return "".join(lines)

    def mondays(self, days: Sequence[str]) -> str:
        """A mark on Mondays, as many as have room."""
        mondays = [at for at, day in enumerate(days) if dt.date.fromisoformat(day).weekday() == 0]
        every = max(math.ceil(_MARK_ROOM / (7 * self.step)), 1)
        # Counted from the last, so that the days to come keep their marks.
        return self.marks([(at, days[at]) for at in mondays[::-1][::every][::-1]])

    def marks(self, days: Sequence[tuple[float, str]]) -> str:
        """Marks with the days' dates; the first, and the first of each year, name the year."""
        years = [None, *(day[:4] for _, day in days)]
        return "".join(
            self.mark(at, short_day(day, day[:4] != year))
            for (at, day), year in zip(days, years, strict=False)
        )

    def mark(self, at: float, name: str) -> str:
        """A mark below the axis with its name."""
        x = self.x(at)
        anchor = "end" if x > self.width - 24 else "middle"
        return (
            f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" '
            f'y1="{self.y(0):.1f}" y2="{self.y(0) + 5:.1f}"/>'
            f'<text class="tick" x="{x:.1f}" y="{self.height - 8}" text-anchor="{anchor}">'
            f"{name}</text>"
        )

    def svg(self, title: str, parts: Sequence[str], css: str = "chart", **data: int) -> Markup:
        """The drawing with its text alternative, and `data` for the script."""
        data |= {"left": self.left, "right": self.width - self.right, "days": self.days}
        more = "".join(f' data-{name}="{value}"' for name, value in data.items())
        return Markup(
            f'<svg class="{css} {self.name}" viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{escape(title)}"{more}>{"".join(parts)}</svg>'
        )


def ceiling(count: float) -> float:
    """The next round number that four lines divide into whole counts."""
    scale = 10 ** math.floor(math.log10(max(count, 4) / 4))
    steps = (step * scale for step in _STEPS if step * scale % 1 == 0)
    return float(4 * next(step for step in steps if step * 4 >= count))


def path(points: Sequence[tuple[float, float]]) -> str:
    """The way through `points`."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
