"""An issue viewed with one of its models, at a moment, from a first day onwards."""

__all__ = [
    "LEAST_SHARE",
    "MOST_HORIZON",
    "Ahead",
    "IssueView",
    "scale_counts",
    "scale_to_share",
    "share_in_steps",
]

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from forecast.paths import Paths
from forecast.series import DailySeries, as_date, as_day
from service.answers.errors import BadQuestion, NotPossible
from service.answers.state import State
from service.core.clock import day_columns
from service.core.declared_series import Route, Series
from service.issues.issue_store import MOST_HORIZON, Entry, Issue

LEAST_SHARE = 0.01  # and the step of a share, in per cent


@dataclass(frozen=True, eq=False)
class Ahead:
    """The paths of an issue from the first day of an answer, where horizons start.

    Raises `BadQuestion` if `first` is not a day of the paths.
    """

    paths: Paths  # from the day after the figures
    first: dt.date
    today: dt.date  # earlier days are over, even if unpublished

    def __post_init__(self) -> None:
        start, end = as_date(self.paths.start), as_date(self.paths.end)
        if not start <= self.first <= end:
            raise BadQuestion(
                "from", f"a day from {start} to {end}, the last that can be answered", self.first
            )

    @classmethod
    def of(cls, paths: Paths) -> Self:
        """Return all of `paths`, from their first day."""
        return cls(paths, as_date(paths.start), as_date(paths.start))

    @property
    def skipped(self) -> int:
        """Number of days between the figures and the first day of the answer."""
        return (self.first - as_date(self.paths.start)).days

    @property
    def most(self) -> int:
        """Longest possible horizon."""
        return self.paths.horizon - self.skipped

    def end(self, horizon: int) -> int:
        """Return the number of path days to the end of `horizon`; raises `BadQuestion` beyond."""
        if not 1 <= horizon <= self.most:
            raise BadQuestion(
                "horizon",
                f"a whole number from 1 to {self.most:,}, as {self.paths.end} is the last day that "
                "can be answered",
                horizon,
            )
        return self.skipped + horizon

    def horizon_to(self, last: dt.date) -> int:
        """Return the horizon that ends on `last`, or on the nearest possible day."""
        return min(max((last - self.first).days + 1, 1), self.most)

    def upto(self, horizon: int) -> Paths:
        """Return the paths of the first `horizon` days of the answer."""
        return Paths(as_day(self.first), self.paths.values[:, self.skipped : self.end(horizon)])

    def since(self, days: int) -> Self:
        """Start up to `days` days earlier, but not before the first simulated day."""
        first = max(as_date(self.paths.start), self.first - dt.timedelta(days=days))
        return replace(self, first=first)

    def note(self, day: dt.date) -> str | None:
        """Return a note if `day` is over, as it has no figure."""
        return "not yet published" if day < self.today else None

    def rows(self, horizon: int, columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
        """Return ``time date horizon_days``, `columns` and ``note``, one row a day of the answer.

        `columns` and ``horizon_days`` start at the first day of the paths.
        """
        begin, end = self.skipped, self.end(horizon)
        return [
            {**day_columns(day), "horizon_days": at + 1}
            | {name: values[at] for name, values in columns.items()}
            | {"note": self.note(day)}
            for at, day in enumerate(self.paths.dates[begin:end].tolist(), start=begin)
        ]


@dataclass(frozen=True)
class IssueView:
    """One issue of one series, as forecast by one of its models.

    `moment` is now for the latest issue, the time of issue if requested by id, or the requested
    moment. `today` is its day; by id, the day after the figures; by date, the day after it.
    """

    route: Route
    issue: Issue
    entry: Entry
    paths: Paths
    observed: DailySeries  # known when the issue was made, up to its `data_through`
    state: State
    moment: dt.datetime
    today: dt.date
    first: dt.date  # of the answer
    is_past: bool  # whether that day is over, whatever was known when the issue was made

    @property
    def declared(self) -> Series:
        """Declaration of the series."""
        return self.route.series[self.issue.series_id]

    @property
    def ahead(self) -> Ahead:
        """Paths of the coming days.

        Raises `BadQuestion` if the requested first day is outside the issue; `NotPossible` if the
        issue is too old to cover today.
        """
        if self.first == self.today and as_day(self.first) > self.paths.end:
            needed = "a newer forecast is needed (`crossings refit`)"
            if self.entry.model != self.issue.champion:  # kept for days after the figures alone
                needed = f"newer figures are needed, or the champion, {self.issue.champion}"
            raise NotPossible(
                f"the last day that {self.entry.model} of issue {self.issue.issue_id} can answer "
                f"is {self.paths.end}, and {self.first} is requested: {needed}"
            )
        return Ahead(self.paths, self.first, self.today)


def share_in_steps(our_share: float) -> tuple[int, int]:
    """Return `our_share` per cent as a fraction of whole numbers: 3% of 100 is exactly 3."""
    return round(our_share / LEAST_SHARE), round(100 / LEAST_SHARE)


def scale_counts(counts: npt.NDArray[Any], our_share: float) -> npt.NDArray[np.int64]:
    """Multiply `counts` by `our_share` per cent, rounded up to whole people.

    Scale totals, not the days that they add up: their rounding would add up too.
    """
    share, whole = share_in_steps(our_share)
    return -(-counts.astype(np.int64) * share // whole)


def scale_to_share(view: IssueView, our_share: float) -> IssueView:
    """Multiply each day's count of `view` by `our_share` per cent, rounded up.

    A day without arrivals stays at zero.
    """
    counts = scale_counts(view.paths.values, our_share).astype(np.int32)
    return replace(view, paths=Paths(view.paths.start, counts))
