"""Paths from the first day of an answer onwards."""

from __future__ import annotations

__all__ = ["MOST_HORIZON", "UNPUBLISHED", "Ahead"]

import datetime as dt
from dataclasses import dataclass, replace

from forecast.paths import Paths
from forecast.series import as_date, as_day
from service.answers.errors import BadQuestion
from service.issues.issue_store import MOST_HORIZON

UNPUBLISHED = "not yet published"
"""What is noted of a day that is over and has no figure."""


@dataclass(frozen=True, eq=False)
class Ahead:
    """The paths of an issue, and the first day of the answer.

    Parameters
    ----------
    paths : Paths
        From the day after the figures.
    first : date
        The first day of the answer, which a horizon is counted from.
    today : date
        Days before it are over, though nothing is published of them.

    Raises
    ------
    BadQuestion
        If `first` is no day of the paths.
    """

    paths: Paths
    first: dt.date
    today: dt.date

    def __post_init__(self) -> None:
        start, end = as_date(self.paths.start), as_date(self.paths.end)
        if not start <= self.first <= end:
            raise BadQuestion(
                "from", f"a day from {start} to {end}, the last that can be answered", self.first
            )

    @classmethod
    def of(cls, paths: Paths) -> Ahead:
        """All of `paths`, from their first day."""
        first = as_date(paths.start)
        return cls(paths, first, first)

    @property
    def skipped(self) -> int:
        """Number of days between the figures and the first day of the answer."""
        return (self.first - as_date(self.paths.start)).days

    @property
    def most(self) -> int:
        """Longest possible horizon."""
        return self.paths.horizon - self.skipped

    def end(self, horizon: int) -> int:
        """Days of the paths up to the end of `horizon` days.

        Raises
        ------
        BadQuestion
            If that is after the last day of the forecast.
        """
        if not 1 <= horizon <= self.most:
            raise BadQuestion(
                "horizon",
                f"a whole number from 1 to {self.most:,}, as {self.paths.end} is the last day that "
                "can be answered",
                horizon,
            )
        return self.skipped + horizon

    def horizon_to(self, last: dt.date) -> int:
        """The horizon that ends on `last`, or on the nearest day that can be answered."""
        return min(max((last - self.first).days + 1, 1), self.most)

    def upto(self, horizon: int) -> Paths:
        """The paths of the first `horizon` days of the answer; raises as `end` does."""
        end = self.end(horizon)
        return Paths(as_day(self.first), self.paths.values[:, self.skipped : end])

    def since(self, days: int) -> Ahead:
        """The same from an earlier day on, by at most so many, that is not yet published."""
        first = max(as_date(self.paths.start), self.first - dt.timedelta(days=days))
        return replace(self, first=first)

    def note(self, day: dt.date) -> str | None:
        """Return a note about `day`."""
        return UNPUBLISHED if day < self.today else None
